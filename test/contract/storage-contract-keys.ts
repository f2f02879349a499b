import { describe, expect, it } from 'vitest';
import { accepted } from '../../server/src/changes/result.ts';
import { aDraft, aKey } from './draft-builder.ts';
import { observe } from './storage-observation.ts';
import type { Shop } from './storage-shop.ts';
import { SHOP } from './storage-shop.ts';
import { ACTOR, REPLY, requestOf, write } from './storage-subject.ts';

/** Keys, audit and the life cycle: S22 to S24, S26. */
export function describeKeys(shop: Shop): void {
  describe('keys and audit', () => {
    it('[S22] the audit log pages from the newest entry backwards', async () => {
      await shop.commit(
        [{ type: 'flag', key: 'a' }],
        { subject: 'flag/a', reason: 'why', details: { n: 1 } },
        ['production', 'staging'],
      );
      await write(shop.storage, null, () => aDraft({ action: 'key.create', keys: [aKey('one')] }));
      const [newest, ...older] = await shop.storage.audit({ limit: 2 });
      expect(newest).toMatchObject({ action: 'key.create', project: null, revisions: {} });
      expect(older).toMatchObject([
        {
          at: new Date(shop.subject.clock.now()).toISOString(),
          actor: ACTOR,
          subject: 'flag/a',
          project: SHOP,
          reason: 'why',
          details: { n: 1 },
          revisions: { production: 1, staging: 1 },
        },
      ]);
      const [oldest, ...none] = await shop.storage.audit({ before: older[0]?.id ?? 0, limit: 100 });
      expect(oldest).toMatchObject({ action: 'project.create', subject: 'project/shop', project: SHOP });
      expect(none).toEqual([]);
    });

    it('[S23] keys are added, replaced and revoked, in order of creation', async () => {
      await write(shop.storage, null, () => aDraft({ keys: [aKey('one'), aKey('two')] }));
      await write(shop.storage, null, () => aDraft({ keys: [aKey('three')], revokedKeys: ['two'] }));
      await write(shop.storage, null, () => aDraft({ keys: [aKey('one', { name: 'renamed' })] }));
      expect(await shop.storage.keys()).toEqual([aKey('one', { name: 'renamed' }), aKey('three')]);
    });

    it('[S23] two keys of one hash are a defect and change nothing', async () => {
      await write(shop.storage, null, () => aDraft({ keys: [aKey('one')] }));
      const before = await observe(shop.storage);
      const writing = write(shop.storage, null, () =>
        aDraft({ keys: [aKey('two', { hash: 'hash-of-one' })] }),
      );
      await expect(writing).rejects.toThrow('have the same hash');
      expect(await observe(shop.storage)).toEqual(before);
    });

    it('[S24] a plan without a draft writes nothing and answers', async () => {
      const before = await observe(shop.storage);
      const result = await shop.storage.transact(requestOf(SHOP, () => null));
      expect(result).toEqual(accepted({ reply: REPLY, replayed: false }));
      expect(await observe(shop.storage)).toEqual(before);
    });

    it('[S26] a closed storage answers with a fault, and may be closed again', async () => {
      await shop.storage.close();
      await shop.storage.close();
      const fault = { name: 'StorageFault', fault: 'unavailable' };
      await expect(shop.storage.ping()).rejects.toMatchObject(fault);
      await expect(shop.storage.read(SHOP)).rejects.toMatchObject(fault);
      await expect(shop.storage.transact(requestOf(SHOP, () => null))).rejects.toMatchObject(fault);
    });

    it('[S26] an open storage answers a ping', async () => {
      await expect(shop.storage.ping()).resolves.toBeUndefined();
    });
  });
}
