import { CommandFailure } from '../operator/command-failure.ts';
import { EXIT } from '../operator/exit-code.ts';
import type { Clock } from '../platform/clock.ts';
import type { ImageSource, ImageTarget } from '../storage/image.ts';

/** Opens the store of a URL to read it whole. @param exclusive - Whether nobody may serve it meanwhile. */
export async function openSource(url: string, exclusive: boolean): Promise<ImageSource> {
  const { openSqliteSource } = await import('../storage/sqlite/open-sqlite-image.ts');
  return openSqliteSource({ path: pathOf(url), exclusive });
}

/** Opens the store of a URL to fill it. */
export async function openTarget(url: string, clock: Clock): Promise<ImageTarget> {
  const { openSqliteTarget } = await import('../storage/sqlite/open-sqlite-image.ts');
  return openSqliteTarget({ path: pathOf(url), clock });
}

/** The same URL without its password. */
export function shown(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (parsed.password === '') return url;
  parsed.password = '***';
  return parsed.href;
}

function pathOf(url: string): string {
  if (/^file:.+/.test(url)) return url.replace(/^file:(\/\/)?/, '');
  throw new CommandFailure(EXIT.usage, [
    `${shown(url)} names no store.`,
    'Give file: and the path of a SQLite file, such as file:./data/dimmer.db.',
  ]);
}
