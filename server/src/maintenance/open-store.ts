import { CommandFailure } from '../operator/command-failure.ts';
import { EXIT } from '../operator/exit-code.ts';
import type { Clock } from '../platform/clock.ts';
import type { Schedule } from '../platform/schedule.ts';
import { isPostgresUrl, redactedUrl, sqlitePath } from '../storage/database-url.ts';
import type { ImageSource, ImageTarget } from '../storage/image.ts';

/**
 * Opens the store of a URL to read it whole.
 *
 * @param options.exclusive - Whether nobody may serve it meanwhile.
 * @throws StorageFault where it cannot be opened; CommandFailure where the URL names no store.
 */
export async function openSource(
  url: string,
  { exclusive }: { readonly exclusive: boolean },
): Promise<ImageSource> {
  if (isPostgresUrl(url)) {
    const { openPostgresSource } = await import('../storage/postgres/open-postgres-image.ts');
    return openPostgresSource({ url, exclusive });
  }
  const path = pathOf(url);
  const { openSqliteSource } = await import('../storage/sqlite/open-sqlite-image.ts');
  return openSqliteSource({ path, exclusive });
}

/**
 * Opens the store of a URL to fill it.
 *
 * @throws StorageFault where it cannot be opened, or is not empty; CommandFailure where the URL names no store.
 */
export async function openTarget(
  url: string,
  { clock, schedule }: { readonly clock: Clock; readonly schedule: Schedule },
): Promise<ImageTarget> {
  if (isPostgresUrl(url)) {
    const { openPostgresTarget } = await import('../storage/postgres/open-postgres-image.ts');
    return openPostgresTarget({ url, schedule });
  }
  const path = pathOf(url);
  const { openSqliteTarget } = await import('../storage/sqlite/open-sqlite-image.ts');
  return openSqliteTarget({ path, clock });
}

function pathOf(url: string): string {
  if (/^file:.+/.test(url)) return sqlitePath(url);
  throw new CommandFailure(EXIT.usage, [
    `${redactedUrl(url)} names no store.`,
    'Give a file, such as file:./data/dimmer.db, or a database, such as postgres://dimmer@db.example:5432/dimmer.',
  ]);
}
