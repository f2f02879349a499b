import { describe, expect, it } from 'vitest';
import { batchOf } from '../../server/src/storage/counted-batch.fixture.ts';
import type {
  CountedBatches,
  ExposureCount,
  ExposureStore,
} from '../../server/src/storage/exposure-store.ts';
import type { Shop } from './storage-shop.ts';
import { SHOP } from './storage-shop.ts';

const HERE = { project: SHOP, environment: 'production' };
const MINUTE_MS = 60_000;

/** Counted exposures: S38, S39. */
export function describeExposures(shop: Shop): void {
  describe('exposures', () => {
    const read = (flag: string, from = 0, to = 10 * MINUTE_MS): Promise<readonly ExposureCount[]> =>
      shop.storage.exposures.read({ ...HERE, flag, from, to });
    let batches = 0;
    const add = (counts: readonly ExposureCount[]): Promise<ReadonlySet<string>> => {
      batches += 1;
      return shop.storage.exposures.add(batchOf(`batch ${batches}`, counts));
    };

    it('[S38] counts of one flag, variation, reason and minute are added up, all others told apart', async () => {
      await add([count('a', 1, 2), count('a', 1, 3), count('a', 1, 4, null)]);
      await add([count('a', 1, 5), count('b', 1, 6)]);
      const found = (await read('a')).map(({ variation, count: sum }) => [variation, sum]);
      expect(new Set(found.map((row) => JSON.stringify(row)))).toEqual(new Set(['["on",10]', '[null,4]']));
    });

    it('[S38] what client keys count is told apart from what server keys count', async () => {
      const fromBrowsers = { ...count('a', 1, 7), source: 'client' } as const;
      await add([count('a', 1, 2), fromBrowsers, fromBrowsers]);
      const found = (await read('a')).map(({ source, count: sum }) => `${source} ${sum}`);
      expect(new Set(found)).toEqual(new Set(['server 2', 'client 14']));
    });

    it('[S38] they are read from a minute up to another, oldest first', async () => {
      await add([3, 1, 2, 4].map((minute) => count('a', minute, minute)));
      const found = await read('a', 2 * MINUTE_MS, 4 * MINUTE_MS);
      expect(found.map(({ minute }) => minute / MINUTE_MS)).toEqual([2, 3]);
      expect(found[0]).toEqual(count('a', 2, 2));
    });

    it('[S38] they are added up by variation and kind of key, with the last minute', async () => {
      const fromBrowsers = { ...count('a', 2, 8), source: 'client' } as const;
      const refused = { ...count('a', 3, 5), reason: 'OFF' };
      const others = [count('a', 5, 9), count('b', 3, 9), { ...count('a', 3, 9), environment: 'staging' }];
      await add([count('a', 1, 2), refused, count('a', 2, 4, null), fromBrowsers, ...others]);
      const query = { ...HERE, flag: 'a', from: MINUTE_MS, to: 5 * MINUTE_MS };
      const found = await shop.storage.exposures.totals(query);
      expect(found.toSorted((one, other) => one.count - other.count)).toEqual([
        { variation: null, source: 'server', count: 4, lastMinute: 2 * MINUTE_MS },
        { variation: 'on', source: 'server', count: 7, lastMinute: 3 * MINUTE_MS },
        { variation: 'on', source: 'client', count: 8, lastMinute: 2 * MINUTE_MS },
      ]);
      expect(await shop.storage.exposures.totals({ ...query, environment: 'nowhere' })).toEqual([]);
    });

    it('[S38] those of an environment that does not exist are left out', async () => {
      const elsewhere = { ...count('a', 1, 1), environment: 'nowhere' };
      await add([elsewhere, count('a', 1, 2)]);
      expect(await read('a')).toEqual([count('a', 1, 2)]);
      expect(await shop.storage.exposures.read({ ...elsewhere, from: 0, to: MINUTE_MS * 9 })).toEqual([]);
    });

    it('[S38] pruning deletes those before a time', async () => {
      await add([1, 2, 3].map((minute) => count('a', minute, 1)));
      let deleted = 0;
      for (let some = 1; some > 0; deleted += some) {
        some = await shop.storage.exposures.prune(3 * MINUTE_MS);
      }
      expect(deleted).toBe(2);
      expect((await read('a')).map(({ minute }) => minute / MINUTE_MS)).toEqual([3]);
    });

    const names = async (added: Promise<ReadonlySet<string>>): Promise<readonly string[]> =>
      [...(await added)].sort();
    const sumOf = async (flag: string): Promise<number> =>
      (await read(flag)).reduce((sum, { count: part }) => sum + part, 0);

    it('[S39] a batch whose name is kept is left out, and named', async () => {
      const { exposures } = shop.storage;
      expect(await names(exposures.add(batchOf('one', [count('a', 1, 2)])))).toEqual([]);
      expect(await names(exposures.add(batchOf('one', [count('a', 1, 2)])))).toEqual(['one']);
      expect(await sumOf('a')).toBe(2);
    });

    it('[S39] of batches that are added together, those that are new count', async () => {
      const { exposures } = shop.storage;
      await exposures.add(batchOf('two', [count('a', 1, 2)]));
      const together: CountedBatches = {
        names: ['one', 'two', 'three'],
        at: 0,
        countsWithout: (known) => [count('a', 1, known.has('two') && known.size === 1 ? 40 : 999)],
      };
      expect(await names(exposures.add(together))).toEqual(['two']);
      expect(await names(exposures.add(together))).toEqual(['one', 'three', 'two']);
    });

    it('[S39] a batch that is added twice at the same time counts once', async () => {
      const batch = batchOf('one', [count('a', 1, 2)]);
      const known = await Promise.all([1, 2, 3].map(() => shop.storage.exposures.add(batch)));
      expect(known.filter((one) => one.size === 0)).toHaveLength(1);
      expect(await sumOf('a')).toBe(2);
    });

    it('[S39] what cannot be added leaves no name', async () => {
      const { exposures } = shop.storage;
      const broken: CountedBatches = {
        names: ['one'],
        at: 0,
        countsWithout: () => {
          throw new Error('no counts');
        },
      };
      await expect(exposures.add(broken)).rejects.toThrow('no counts');
      expect(await names(exposures.add(batchOf('one', [count('a', 1, 2)])))).toEqual([]);
      expect(await sumOf('a')).toBe(2);
    });

    it('[S40] names are kept from a time on, and the newest of them', async () => {
      const { exposures } = shop.storage;
      for (const at of [1, 2, 3, 4, 5]) await exposures.add(batchOf(`at ${at}`, [], at));
      while ((await exposures.pruneBatches({ since: 3, most: 100 })) > 0);
      expect(await keptOf(exposures, 5)).toEqual(['at 3', 'at 4', 'at 5']);
    });

    it('[S40] no more names are kept than a policy says', async () => {
      const { exposures } = shop.storage;
      for (const at of [1, 2, 3, 4, 5]) await exposures.add(batchOf(`at ${at}`, [], at));
      while ((await exposures.pruneBatches({ since: 0, most: 2 })) > 0);
      expect(await keptOf(exposures, 5)).toEqual(['at 4', 'at 5']);
    });
  });
}

/** Which of the names `at 1`, `at 2` and so on are kept. */
async function keptOf(exposures: ExposureStore, last: number): Promise<readonly string[]> {
  const names = Array.from({ length: last }, (_, index) => `at ${index + 1}`);
  return [...(await exposures.add({ names, at: 0, countsWithout: () => [] }))].sort();
}

function count(flag: string, minutes: number, sum: number, variation: string | null = 'on'): ExposureCount {
  return {
    ...HERE,
    flag,
    variation,
    reason: 'SPLIT',
    source: 'server',
    minute: minutes * MINUTE_MS,
    count: sum,
  };
}
