import { existsSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { CommandFailure } from '../operator/command-failure.ts';
import { count } from '../operator/count.ts';
import type { ExitCode } from '../operator/exit-code.ts';
import { EXIT } from '../operator/exit-code.ts';
import { makeFolder } from '../platform/make-folder.ts';
import { redactedUrl } from '../storage/database-url.ts';
import type { ImageRow } from '../storage/image.ts';
import { nameAt, writeBackupFile } from './backup-file.ts';
import { headerOf } from './backup-header.ts';
import { writeLines } from './backup-lines.ts';
import type { ImageCheck } from './image-check.ts';
import { createImageCheck } from './image-check.ts';
import type { Maintenance } from './maintenance.ts';
import { environmentLines } from './maintenance.ts';
import { openSource } from './open-store.ts';

/** What `dimmer backup` was asked. */
export interface BackupInput {
  /** URL of the store. */
  readonly from: string;
  /** A file, or a folder for a file that is named after the time: one that is there, or a name without extension. */
  readonly to: string;
}

/** Writes a store as it is at one moment to a file, also while a server works on it. */
export async function backup(
  { terminal, clock, version }: Maintenance,
  { from, to }: BackupInput,
): Promise<ExitCode> {
  const path = fileFor(to, clock.now());
  if (existsSync(path)) {
    throw new CommandFailure(EXIT.failed, [
      `${path} is there already, and is kept as it is.`,
      'Give a name that is free, or a folder: the file is then named after the time.',
    ]);
  }
  const source = await openSource(from, { exclusive: false });
  makeFolder(dirname(path));
  const check = createImageCheck();
  let size: number;
  try {
    const takenAt = new Date(clock.now()).toISOString();
    const header = headerOf({ takenAt, adapter: source.adapter, dimmer: version });
    size = await writeBackupFile(path, writeLines(header, observed(source.rows(), check)));
  } finally {
    await source.close();
  }
  terminal.out(
    `Backed up ${redactedUrl(from)} to ${path}: ${count(check.count())} rows in ${count(size)} bytes.`,
  );
  for (const line of ['', ...environmentLines(check), '']) terminal.out(line);
  const faults = check.faults();
  if (faults.length > 0) {
    throw new CommandFailure(EXIT.failed, [
      'The backup is written and whole, but the store contradicts itself, so it cannot be restored as it is:',
      ...faults.map((fault) => `  ${fault}`),
      'Keep the backups of before, and write down what the flags are: dimmer export --history',
    ]);
  }
  terminal.out(`Try it in an empty place: dimmer restore-backup --from ${path} --to file:./drill/dimmer.db`);
  return EXIT.done;
}

function fileFor(to: string, now: number): string {
  const isFolder = existsSync(to) ? statSync(to).isDirectory() : to.endsWith('/') || extname(to) === '';
  return isFolder ? join(to, nameAt(now)) : to;
}

async function* observed(rows: AsyncIterable<ImageRow>, check: ImageCheck): AsyncGenerator<ImageRow> {
  for await (const row of rows) {
    check.add(row);
    yield row;
  }
}
