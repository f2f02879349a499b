import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { FillRefused, fillStore } from '../../server/src/maintenance/fill-store.ts';
import { createImageCheck } from '../../server/src/maintenance/image-check.ts';
import { batchOf } from '../../server/src/storage/counted-batch.fixture.ts';
import type { ImageRow } from '../../server/src/storage/image.ts';
import type { Storage } from '../../server/src/storage/storage.ts';
import { commitDraft, projectDraft } from './draft-builder.ts';
import { command } from './storage-commands.arbitrary.ts';
import { observe } from './storage-observation.ts';
import { projectOf, write } from './storage-subject.ts';
import type { StoreAdapter, StorePlace } from './store-image-subjects.ts';
import { STORE_ADAPTERS } from './store-image-subjects.ts';

/** Their rows are more than an adapter reads at once. */
const COMMITS = 40;

const places: StorePlace[] = [];
afterEach(async () => {
  await Promise.all(places.splice(0).map((place) => place.dispose()));
});

async function placeOf(adapter: StoreAdapter): Promise<StorePlace> {
  const place = await adapter.makePlace();
  places.push(place);
  return place;
}

/** Runs work on the storage of a place, which is closed again. */
async function onStorage<T>(place: StorePlace, work: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = await place.openStorage();
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}

async function rowsOf(place: StorePlace): Promise<ImageRow[]> {
  const source = await place.openSource(true);
  const rows: ImageRow[] = [];
  for await (const row of source.rows()) rows.push(row);
  await source.close();
  return rows;
}

/** Moves a store as `dimmer migrate-store` does. */
async function move(from: StorePlace, to: StorePlace): Promise<void> {
  const source = await from.openSource(true);
  const target = await to.openTarget();
  await fillStore(target, source.rows());
  await target.close();
  await source.close();
}

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

async function fillFrom(place: StorePlace, rows: AsyncIterable<ImageRow>): Promise<unknown> {
  const target = await place.openTarget();
  try {
    return await fillStore(target, rows);
  } finally {
    await target.close();
  }
}

/** Some of everything that a store holds. */
function furnish(place: StorePlace): Promise<void> {
  return onStorage(place, async (storage) => {
    await write(storage, null, () => projectDraft('shop', ['production', 'staging']));
    const commit = (enabled: boolean) =>
      write(storage, 'shop', (world) =>
        commitDraft(
          projectOf(world),
          ['production', 'staging'],
          [
            { type: 'flag', key: 'z', enabled },
            { type: 'flag', key: 'a', enabled },
          ],
        ),
      );
    for (let count = 0; count < COMMITS; count += 1) await commit(count % 2 === 0);
    await storage.exposures.add(
      batchOf('one', [
        {
          project: 'shop',
          environment: 'production',
          flag: 'a',
          minute: 60_000,
          variation: 'on',
          reason: 'SPLIT',
          source: 'server',
          count: 7,
        },
      ]),
    );
  });
}

describe.each(STORE_ADAPTERS)('an image of $name', { timeout: 120_000 }, (adapter) => {
  test('[MV26] whatever was done to a store, another one that it is moved to answers the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 25 }), async (commands) => {
        const [from, to] = [await placeOf(adapter), await placeOf(adapter)];
        const before = await onStorage(from, async (storage) => {
          for (const one of commands) {
            if (one.type === 'advance') from.clock.advance(one.ms);
            if (one.type === 'prune') await storage.prune(one.policy);
            if (one.type === 'transact') await storage.transact(one.request).catch(() => {});
          }
          return observe(storage);
        });
        await move(from, to);
        expect(await onStorage(to, observe)).toEqual(before);
        expect(await rowsOf(to)).toEqual(await rowsOf(from));
        await Promise.all(places.splice(0).map((place) => place.dispose()));
      }),
      { numRuns: 5 },
    );
  });

  test('[MV26] a store that was moved goes on: revisions, audit entries and counts', async () => {
    const [from, to] = [await placeOf(adapter), await placeOf(adapter)];
    await furnish(from);
    await move(from, to);
    expect(await onStorage(to, observe)).toEqual(await onStorage(from, observe));
    const after = async (place: StorePlace) =>
      onStorage(place, async (storage) => {
        await write(storage, 'shop', (world) =>
          commitDraft(projectOf(world), ['staging'], [{ type: 'flag', key: 'new', enabled: true }]),
        );
        await write(storage, null, () => projectDraft('blog', ['production']));
        return [
          await observe(storage),
          await storage.exposures.read({
            project: 'shop',
            environment: 'production',
            flag: 'a',
            from: 0,
            to: 120_000,
          }),
        ];
      });
    expect(await after(to)).toEqual(await after(from));
  });

  test('[MV20] is of one moment, whatever is written while it is read', async () => {
    const place = await placeOf(adapter);
    await furnish(place);
    await onStorage(place, async (storage) => {
      const source = await place.openSource(false);
      const check = createImageCheck();
      for await (const row of source.rows()) {
        check.add(row);
        if (check.count() % 40 !== 0) continue;
        await write(storage, 'shop', (world) =>
          commitDraft(
            projectOf(world),
            ['production'],
            [{ type: 'flag', key: 'a', enabled: check.count() % 80 === 0 }],
          ),
        );
      }
      await source.close();
      expect(check.faults()).toEqual([]);
      expect(check.environments().map(({ revision }) => revision)).toEqual([COMMITS, COMMITS]);
    });
  });

  test('[MV23] a store that is not empty is refused and stays as it is', async () => {
    const place = await placeOf(adapter);
    await furnish(place);
    const before = await rowsOf(place);
    await expect(place.openTarget()).rejects.toThrow('is not empty: it has projects');
    expect(await rowsOf(place)).toEqual(before);
  });

  test('[MV23] rows that contradict themselves are not committed', async () => {
    const [from, to] = [await placeOf(adapter), await placeOf(adapter)];
    await furnish(from);
    const rows = (await rowsOf(from)).filter(({ table, row }) => table !== 'changes' || row.revision !== 17);
    await expect(fillFrom(to, each(rows))).rejects.toThrow(FillRefused);
    expect(await rowsOf(from)).not.toEqual(rows);
    await fillFrom(to, each(await rowsOf(from)));
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
  });

  test('[MV25] no server starts on a store that was not filled to its end, and it can be filled again', async () => {
    const [from, to] = [await placeOf(adapter), await placeOf(adapter)];
    await furnish(from);
    const rows = await rowsOf(from);
    async function* broken() {
      yield* rows.slice(0, 50);
      throw new Error('the disk is gone');
    }
    await expect(fillFrom(to, broken())).rejects.toThrow('the disk is gone');
    await expect(to.openStorage()).rejects.toThrow('unfinished restore');
    await fillFrom(to, each(rows));
    expect(await onStorage(to, observe)).toEqual(await onStorage(from, observe));
  });

  test('[MV26] a store that is served cannot be moved, nor can one be filled', async () => {
    const [served, free] = [await placeOf(adapter), await placeOf(adapter)];
    await onStorage(served, async () => {
      await expect(served.openSource(true)).rejects.toThrow('in use');
      await expect(served.openTarget()).rejects.toThrow('in use');
    });
    const target = await free.openTarget();
    await expect(free.openStorage()).rejects.toThrow(/in use|unfinished restore/);
    await target.close();
  });

  test('[MV29] a store without tables is told apart from an empty one', async () => {
    await expect((await placeOf(adapter)).openSource(false)).rejects.toThrow(/Check the/);
  });
});

test.each(STORE_ADAPTERS.flatMap((from) => STORE_ADAPTERS.map((to) => ({ from, to }))))(
  '[MV26] from $from.name to $to.name and back, a store is the same, row by row',
  async ({ from, to }) => {
    const [first, second, third] = [await placeOf(from), await placeOf(to), await placeOf(from)];
    await furnish(first);
    await move(first, second);
    await move(second, third);
    const rows = await rowsOf(first);
    expect(await rowsOf(second)).toEqual(rows);
    expect(await rowsOf(third)).toEqual(rows);
    expect(await onStorage(second, observe)).toEqual(await onStorage(first, observe));
  },
  120_000,
);
