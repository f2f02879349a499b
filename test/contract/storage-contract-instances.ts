import { describe, expect, it } from 'vitest';
import type { InstanceStore } from '../../server/src/storage/instance-store.ts';
import { SHARED_KEPT_MS } from '../../server/src/storage/instance-store.ts';
import type { Shop } from './storage-shop.ts';

const HERE = { project: 'shop', environment: 'production' };
const THERE = { project: 'shop', environment: 'staging' };

/** Instances that servers share: M25. Of adapters whose database one process has for itself there is nothing to say. */
export function describeInstances(shop: Shop): void {
  describe('shared instances', () => {
    const storeOf = (skip: () => void): InstanceStore => {
      const { instances } = shop.storage;
      if (instances === undefined) skip();
      return instances as InstanceStore;
    };

    it('[M25] others read what a server shared, the last of each instance, and it does not', async ({
      skip,
    }) => {
      const store = storeOf(skip);
      await store.write('a', [
        { ...HERE, id: 'one', document: '{"n":1}' },
        { ...HERE, id: 'two', document: '{"n":2}' },
        { ...THERE, id: 'one', document: '{"n":3}' },
      ]);
      await store.write('a', [
        { ...HERE, id: 'two', document: '{"n":4}' },
        { ...THERE, id: 'one', document: null },
      ]);
      await store.write('b', [{ ...HERE, id: 'one', document: '{"n":5}' }]);
      const { instances, servers } = await store.read('b');
      expect(new Set(instances)).toEqual(
        new Set([
          { ...HERE, id: 'one', server: 'a', document: '{"n":1}' },
          { ...HERE, id: 'two', server: 'a', document: '{"n":4}' },
          { ...THERE, id: 'one', server: 'a', document: null },
        ]),
      );
      expect(servers).toEqual(new Set(['a', 'b']));
      expect((await store.read('a')).instances).toEqual([
        { ...HERE, id: 'one', server: 'b', document: '{"n":5}' },
      ]);
    });

    it('[M25] what was shared since a moment is enough to read', async ({ skip }) => {
      const store = storeOf(skip);
      await store.write('a', [{ ...HERE, id: 'one', document: '{}' }]);
      const { at } = await store.read('b');
      expect((await store.read('b', at + 60_000)).instances).toEqual([]);
      expect((await store.read('b', at - 60_000)).instances).toHaveLength(1);
      shop.subject.clock.advance(1);
      await store.write('a', [{ ...HERE, id: 'two', document: '{}' }]);
      expect((await store.read('b', at)).instances.map(({ id }) => id)).toContain('two');
    });

    it('[M25] a server lives that has shared something, if only that, until it leaves', async ({ skip }) => {
      const store = storeOf(skip);
      await store.write('a', []);
      expect((await store.read('b')).servers).toEqual(new Set(['a']));
      await store.leave('a');
      expect((await store.read('b')).servers).toEqual(new Set());
    });

    it('[M25] what was shared lately is not pruned', async ({ skip }) => {
      const store = storeOf(skip);
      await store.write('a', [{ ...HERE, id: 'one', document: '{}' }]);
      shop.subject.clock.advance(SHARED_KEPT_MS / 2);
      await store.prune();
      expect((await store.read('b')).instances).toHaveLength(1);
    });

    it('[M25] many are shared in one statement', async ({ skip }) => {
      const store = storeOf(skip);
      const many = Array.from({ length: 500 }, (_, n) => ({ ...HERE, id: `i-${n}`, document: `{"n":${n}}` }));
      await store.write('a', many);
      expect((await store.read('b')).instances).toHaveLength(500);
    });
  });
}
