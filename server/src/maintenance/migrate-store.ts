import { resolve } from 'node:path';
import { CommandFailure } from '../operator/command-failure.ts';
import { count } from '../operator/count.ts';
import type { ExitCode } from '../operator/exit-code.ts';
import { EXIT } from '../operator/exit-code.ts';
import { isPostgresUrl, redactedUrl, sqlitePath } from '../storage/database-url.ts';
import { fillStore } from './fill-store.ts';
import type { Maintenance } from './maintenance.ts';
import { environmentLines } from './maintenance.ts';
import { openSource, openTarget } from './open-store.ts';

/** What `dimmer migrate-store` was asked: URLs of a store that nobody serves, and of an empty one. */
export interface MigrateInput {
  readonly from: string;
  readonly to: string;
}

/** Moves everything that a store holds into another one. Epochs and revisions stay, so SDKs go on where they are. */
export async function migrateStore(maintenance: Maintenance, { from, to }: MigrateInput): Promise<ExitCode> {
  const { terminal } = maintenance;
  if (isSameFile(from, to)) {
    throw new CommandFailure(EXIT.usage, [
      `--from and --to name the same file, ${redactedUrl(to)}.`,
      'Give with --to a file that does not exist yet, or an empty database.',
    ]);
  }
  const source = await openSource(from, { exclusive: true });
  try {
    const target = await openTarget(to, maintenance);
    try {
      const check = await fillStore(target, source.rows());
      terminal.out(
        `Moved ${redactedUrl(from)} to ${redactedUrl(to)}: ${count(check.count())} rows, read back and equal.`,
      );
      for (const line of ['', ...environmentLines(check), '']) terminal.out(line);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
  terminal.out(`Start the server on the new store: DIMMER_DATABASE_URL=${redactedUrl(to)} dimmer serve`);
  terminal.out(
    `${redactedUrl(from)} is as it was. Do not serve it again: SDKs would meet two histories of one epoch.`,
  );
  return EXIT.done;
}

/** Of two databases the second is not empty, and says so. Of two files the lock would blame another process. */
function isSameFile(from: string, to: string): boolean {
  if (isPostgresUrl(from) || isPostgresUrl(to)) return false;
  return resolve(sqlitePath(from)) === resolve(sqlitePath(to));
}
