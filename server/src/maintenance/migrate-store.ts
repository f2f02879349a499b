import type { ExitCode } from '../operator/exit-code.ts';
import { EXIT } from '../operator/exit-code.ts';
import { count } from '../operator/receipt-lines.ts';
import { redactedUrl } from '../storage/database-url.ts';
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
  const source = await openSource(from, true);
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
