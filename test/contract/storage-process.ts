import { openSqliteStorage } from '../../server/src/storage/sqlite/open-sqlite-storage.ts';
import type { Storage } from '../../server/src/storage/storage.ts';
import { commitDraft, projectDraft } from './draft-builder.ts';
import { projectOf, write } from './storage-subject.ts';

/**
 * A process that uses a SQLite file until it is killed. It prints one JSON line when the file is open, and
 * one for every revision that was acknowledged to it.
 *
 * @param programArguments - The file, and `write` to commit without end, `hold` to do nothing, or how often to commit before it ends.
 */
export async function main([path = '', task]: readonly string[]): Promise<void> {
  const storage = await openSqliteStorage({ path, clock: { now: () => Date.now() } });
  print({ open: process.pid });
  setInterval(() => {}, 60_000);
  if (task === 'hold') return;
  if ((await storage.projects()).length === 0) {
    await write(storage, null, () => projectDraft('shop', ['production', 'staging']));
  }
  const commits = task === 'write' ? Infinity : Number(task);
  for (let count = 0; count < commits; count += 1) {
    const revision = await commitNext(storage);
    print({ revision, at: Date.now() });
  }
  await storage.close();
  process.exit();
}

/** Sets every object of the change to the same value, so that half a change would show. */
async function commitNext(storage: Storage): Promise<number> {
  let revision = 0;
  await write(storage, 'shop', (world) => {
    const state = projectOf(world);
    revision = (state.environments.get('production')?.revision ?? 0) + 1;
    const enabled = revision % 2 === 1;
    return commitDraft(
      state,
      ['production', 'staging'],
      [
        { type: 'flag', key: 'a', enabled },
        { type: 'flag', key: 'b', enabled },
      ],
    );
  });
  return revision;
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
