import { CommandFailure } from '../operator/command-failure.ts';
import { count } from '../operator/count.ts';
import type { ExitCode } from '../operator/exit-code.ts';
import { EXIT } from '../operator/exit-code.ts';
import { localTime } from '../operator/local-time.ts';
import type { Random } from '../platform/random.ts';
import { newEpoch } from '../rest/create-project.ts';
import { redactedUrl } from '../storage/database-url.ts';
import type { ImageRow } from '../storage/image.ts';
import { BackupDamage, OtherVersion } from './backup-damage.ts';
import { readBackupFile } from './backup-file.ts';
import type { BackupHeader } from './backup-header.ts';
import { readLines } from './backup-lines.ts';
import { FillRefused, fillStore } from './fill-store.ts';
import { createImageCheck } from './image-check.ts';
import type { Maintenance } from './maintenance.ts';
import { environmentLines } from './maintenance.ts';
import { openTarget } from './open-store.ts';

/** What `dimmer restore-backup` was asked. */
export interface RestoreInput {
  /** The file. */
  readonly from: string;
  /** URL of a store that is empty, or not there yet. */
  readonly to: string;
  /** Whether the environments keep their epochs: right only where nobody has read a later revision in them. */
  readonly keepEpoch: boolean;
}

/** Puts a backup into an empty store. The file is read to its end before anything is written. */
export async function restoreBackup(
  maintenance: Maintenance,
  { from, to, keepEpoch }: RestoreInput,
): Promise<ExitCode> {
  const { terminal, random } = maintenance;
  const { takenAt } = await namingDamage(from, () => verifyBackup(from));
  const target = await openTarget(to, maintenance);
  try {
    const rows = readLines(readBackupFile(from));
    const check = await namingDamage(from, () =>
      fillStore(target, keepEpoch ? rows : withNewEpochs(rows, random)),
    );
    terminal.out(
      `Restored ${redactedUrl(to)} from ${from}, of ${localTime(takenAt)}: ${count(check.count())} rows, checked.`,
    );
    for (const line of ['', ...environmentLines(check), '']) terminal.out(line);
  } finally {
    await target.close();
  }
  terminal.out(
    keepEpoch
      ? 'Epochs are as they were: SDKs that have read a later revision wait until the server has passed it.'
      : 'Every environment has a new epoch: SDKs take everything anew at their next connection.',
  );
  terminal.out(`Serve it: DIMMER_DATABASE_URL=${redactedUrl(to)} dimmer serve`);
  return EXIT.done;
}

/** Reads the file to its end. @throws BackupDamage, FillRefused where it cannot be relied on. */
async function verifyBackup(path: string): Promise<BackupHeader> {
  const check = createImageCheck();
  let header: BackupHeader | undefined;
  for await (const row of readLines(readBackupFile(path), (read) => (header = read))) check.add(row);
  if (header === undefined) throw new BackupDamage('it is empty');
  const faults = check.faults();
  if (faults.length > 0) throw new FillRefused(faults);
  return header;
}

async function namingDamage<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof OtherVersion) {
      throw new CommandFailure(EXIT.failed, [
        `The backup ${path} ${cause.message}.`,
        `Nothing was written. Restore it with Dimmer ${cause.dimmer}, which made it, and start this version on that store then.`,
      ]);
    }
    if (!(cause instanceof BackupDamage)) throw cause;
    throw new CommandFailure(EXIT.failed, [
      `The backup ${path} is damaged: ${cause.message}.`,
      'Nothing was written. Copy the file again from where it is kept, or use an older backup.',
    ]);
  }
}

async function* withNewEpochs(rows: AsyncIterable<ImageRow>, random: Random): AsyncGenerator<ImageRow> {
  for await (const row of rows) {
    yield row.table === 'environments' ? { ...row, row: { ...row.row, epoch: newEpoch(random) } } : row;
  }
}
