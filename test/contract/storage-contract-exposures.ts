import { describe, expect, it } from 'vitest';
import type { ExposureCount } from '../../server/src/storage/exposure-store.ts';
import type { Shop } from './storage-shop.ts';
import { SHOP } from './storage-shop.ts';

const HERE = { project: SHOP, environment: 'production' };
const MINUTE_MS = 60_000;

/** Counted exposures: S38. */
export function describeExposures(shop: Shop): void {
  describe('exposures', () => {
    const read = (flag: string, from = 0, to = 10 * MINUTE_MS): Promise<readonly ExposureCount[]> =>
      shop.storage.exposures.read({ ...HERE, flag, from, to });

    it('[S38] counts of one flag, variation, reason and minute are added up, all others told apart', async () => {
      await shop.storage.exposures.add([count('a', 1, 2), count('a', 1, 3), count('a', 1, 4, null)]);
      await shop.storage.exposures.add([count('a', 1, 5), count('b', 1, 6)]);
      const found = (await read('a')).map(({ variation, count: sum }) => [variation, sum]);
      expect(new Set(found.map((row) => JSON.stringify(row)))).toEqual(new Set(['["on",10]', '[null,4]']));
    });

    it('[S38] what client keys count is told apart from what server keys count', async () => {
      const fromBrowsers = { ...count('a', 1, 7), source: 'client' } as const;
      await shop.storage.exposures.add([count('a', 1, 2), fromBrowsers, fromBrowsers]);
      const found = (await read('a')).map(({ source, count: sum }) => `${source} ${sum}`);
      expect(new Set(found)).toEqual(new Set(['server 2', 'client 14']));
    });

    it('[S38] they are read from a minute up to another, oldest first', async () => {
      await shop.storage.exposures.add([3, 1, 2, 4].map((minute) => count('a', minute, minute)));
      const found = await read('a', 2 * MINUTE_MS, 4 * MINUTE_MS);
      expect(found.map(({ minute }) => minute / MINUTE_MS)).toEqual([2, 3]);
      expect(found[0]).toEqual(count('a', 2, 2));
    });

    it('[S38] those of an environment that does not exist are left out', async () => {
      const elsewhere = { ...count('a', 1, 1), environment: 'nowhere' };
      await shop.storage.exposures.add([elsewhere, count('a', 1, 2)]);
      expect(await read('a')).toEqual([count('a', 1, 2)]);
      expect(await shop.storage.exposures.read({ ...elsewhere, from: 0, to: MINUTE_MS * 9 })).toEqual([]);
    });

    it('[S38] pruning deletes those before a time', async () => {
      await shop.storage.exposures.add([1, 2, 3].map((minute) => count('a', minute, 1)));
      let deleted = 0;
      for (let some = 1; some > 0; deleted += some) {
        some = await shop.storage.exposures.prune(3 * MINUTE_MS);
      }
      expect(deleted).toBe(2);
      expect((await read('a')).map(({ minute }) => minute / MINUTE_MS)).toEqual([3]);
    });
  });
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
