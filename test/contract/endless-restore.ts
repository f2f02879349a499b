import { fillStore } from '../../server/src/maintenance/fill-store.ts';
import type { ImageRow } from '../../server/src/storage/image.ts';
import { openSqliteTarget } from '../../server/src/storage/sqlite/open-sqlite-image.ts';

/** So many rows are more than the page cache holds: the file has some of them by then. */
const ROWS_TOLD = 20_000;

/** A process that fills a SQLite file until it is killed, and prints a line once it is well on its way. */
export async function main([path = '']: readonly string[]): Promise<void> {
  const target = await openSqliteTarget({ path, clock: { now: () => Date.now() } });
  await fillStore(target, endlessRows());
}

async function* endlessRows(): AsyncGenerator<ImageRow> {
  const at = '2026-11-28T04:00:00.000Z';
  yield {
    table: 'projects',
    row: { key: 'shop', name: 'Shop', description: '', createdAt: at, version: 1 },
  };
  for (let count = 0; ; count += 1) {
    const document = JSON.stringify({ text: 'x'.repeat(1_000) });
    yield { table: 'flags', row: { project: 'shop', key: `flag-${count}`, document } };
    if (count === ROWS_TOLD) process.stdout.write('well on its way\n');
  }
}
