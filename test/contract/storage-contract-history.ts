import { describe, expect, it } from 'vitest';
import type { Change } from '../../server/src/storage/storage.ts';
import type { Shop } from './storage-shop.ts';
import { PRODUCTION } from './storage-shop.ts';

const HOUR_MS = 60 * 60 * 1000;

/** History and its end: S15 to S19. */
export function describeHistory(shop: Shop): void {
  describe('history', () => {
    const revisions = (changes: readonly Change[]) => changes.map((change) => change.revision);
    const tenChanges = async () => {
      for (let index = 0; index < 10; index += 1) {
        shop.subject.clock.advance(HOUR_MS);
        await shop.commit([{ type: 'flag', key: index % 2 === 0 ? 'even' : 'odd' }]);
      }
    };

    it('[S15] history is newest first, and pages backwards and forwards', async () => {
      await tenChanges();
      expect(revisions(await shop.storage.history(PRODUCTION, { limit: 3 }))).toEqual([10, 9, 8]);
      expect(revisions(await shop.storage.history(PRODUCTION, { before: 8, limit: 3 }))).toEqual([7, 6, 5]);
      expect(revisions(await shop.storage.history(PRODUCTION, { after: 4, limit: 3 }))).toEqual([5, 6, 7]);
      expect(revisions(await shop.storage.history(PRODUCTION, { after: 4, before: 7, limit: 9 }))).toEqual([
        5, 6,
      ]);
    });

    it('[S15] history of one flag holds the changes that touch it', async () => {
      await tenChanges();
      await shop.commit([{ type: 'segment', key: 'even' }]);
      expect(revisions(await shop.storage.history(PRODUCTION, { flag: 'even', limit: 2 }))).toEqual([9, 7]);
      expect(revisions(await shop.storage.history(PRODUCTION, { flag: 'even', after: 3, limit: 2 }))).toEqual(
        [5, 7],
      );
      expect(revisions(await shop.storage.history(PRODUCTION, { flag: 'odd', before: 6, limit: 9 }))).toEqual(
        [4, 2],
      );
      expect(await shop.storage.history(PRODUCTION, { flag: 'other', limit: 9 })).toEqual([]);
    });

    it('[S16] a time stands for the last revision at or before it', async () => {
      const start = shop.subject.clock.now();
      await tenChanges();
      expect(await shop.storage.revisionAt(PRODUCTION, start + 3 * HOUR_MS)).toBe(3);
      expect(await shop.storage.revisionAt(PRODUCTION, start + 4 * HOUR_MS - 1)).toBe(3);
      expect(await shop.storage.revisionAt(PRODUCTION, start + 99 * HOUR_MS)).toBe(10);
      expect(await shop.storage.revisionAt(PRODUCTION, start)).toBe(0);
      expect(
        await shop.storage.revisionAt(PRODUCTION, Date.parse('2025-12-31T23:59:59.999Z')),
      ).toBeUndefined();
    });

    it('[S16] a clock that was set back hides no later revision', async () => {
      await tenChanges();
      shop.subject.clock.advance(-5 * HOUR_MS);
      await shop.commit([{ type: 'flag', key: 'late' }]);
      expect(await shop.storage.revisionAt(PRODUCTION, shop.subject.clock.now())).toBe(11);
    });

    it('[S17] differences tell what every object changed since was, absent ones included', async () => {
      await shop.commit([
        { type: 'flag', key: 'a' },
        { type: 'segment', key: 'beta', included: ['user-1'] },
      ]);
      await shop.commit([
        { type: 'flag', key: 'a', enabled: true },
        { type: 'flag', key: 'b' },
      ]);
      await shop.commit([
        { type: 'flag', key: 'a', enabled: false },
        { type: 'remove-segment', key: 'beta' },
      ]);
      expect(await shop.storage.differencesAt(PRODUCTION, 1)).toMatchObject([
        { kind: 'flag', key: 'a', document: { configuration: { enabled: false } } },
        { kind: 'flag', key: 'b', document: null },
        { kind: 'segment', key: 'beta', document: { included: ['user-1'] } },
      ]);
      expect(await shop.storage.differencesAt(PRODUCTION, 2)).toMatchObject([
        { kind: 'flag', key: 'a', document: { configuration: { enabled: true } } },
        { kind: 'segment', key: 'beta' },
      ]);
      expect(await shop.storage.differencesAt(PRODUCTION, 3)).toEqual([]);
      expect(await shop.storage.differencesAt(PRODUCTION, 4)).toBeUndefined();
    });

    it('[S18] pruning keeps the last revisions or the last days, whichever is more', async () => {
      await tenChanges();
      const floor = async () => (await shop.state()).environments.get('production')?.historyFloor;
      await shop.storage.prune({ revisions: 100, days: 0 });
      expect(await floor()).toBe(0);
      await shop.storage.prune({ revisions: 0, days: 1 });
      expect(await floor()).toBe(0);
      await shop.storage.prune({ revisions: 8, days: 6.5 / 24 });
      expect(await floor()).toBe(2);
      await shop.storage.prune({ revisions: 2, days: 6.5 / 24 });
      expect(await floor()).toBe(3);
      await shop.storage.prune({ revisions: 3, days: 0 });
      expect(await floor()).toBe(7);
    });

    it('[S19] a floor never falls', async () => {
      await tenChanges();
      await shop.storage.prune({ revisions: 3, days: 0 });
      await shop.storage.prune({ revisions: 100, days: 100 });
      expect((await shop.state()).environments.get('production')?.historyFloor).toBe(7);
    });

    it('[S19] history reaches down to the floor and not below it', async () => {
      const start = shop.subject.clock.now();
      await tenChanges();
      await shop.storage.prune({ revisions: 3, days: 0 });
      expect(revisions(await shop.storage.history(PRODUCTION, { limit: 100 }))).toEqual([10, 9, 8]);
      expect(await shop.storage.differencesAt(PRODUCTION, 7)).toHaveLength(2);
      expect(await shop.storage.differencesAt(PRODUCTION, 6)).toBeUndefined();
      expect(await shop.storage.revisionAt(PRODUCTION, start + 7 * HOUR_MS)).toBe(7);
      expect(await shop.storage.revisionAt(PRODUCTION, start + 7 * HOUR_MS - 1)).toBeUndefined();
      expect(await shop.storage.snapshot(PRODUCTION)).toMatchObject({ revision: 10, historyFloor: 7 });
    });

    it('[S19] pruning drops the tombstones at or below the floor', async () => {
      await shop.commit([
        { type: 'flag', key: 'a' },
        { type: 'flag', key: 'b' },
      ]);
      await shop.commit([{ type: 'remove', key: 'a' }]);
      await shop.commit([{ type: 'remove', key: 'b' }]);
      await shop.storage.prune({ revisions: 1, days: 0 });
      expect(await shop.storage.snapshot(PRODUCTION)).toMatchObject({
        historyFloor: 2,
        tombstones: [{ kind: 'flag', key: 'b', version: 3 }],
      });
    });

    it('[S19] pruning keeps every definition that is served, however old', async () => {
      await shop.commit([
        { type: 'flag', key: 'a' },
        { type: 'segment', key: 'beta' },
      ]);
      await shop.commit([{ type: 'flag', key: 'b' }]);
      const { objects } = (await shop.storage.snapshot(PRODUCTION)) ?? {};
      await shop.storage.prune({ revisions: 0, days: 0 });
      const pruned = await shop.storage.snapshot(PRODUCTION);
      expect(pruned?.objects).toHaveLength(3);
      expect(pruned?.objects).toEqual(objects);
    });

    it('[S19] a pruned snapshot still tells when its revision was committed', async () => {
      await tenChanges();
      await shop.storage.prune({ revisions: 0, days: 0 });
      const snapshot = await shop.storage.snapshot(PRODUCTION);
      expect(snapshot?.committedAt).toBe(new Date(shop.subject.clock.now()).toISOString());
    });
  });
}
