import { describe, expect, it, onTestFinished } from 'vitest';
import { rejected } from '../../server/src/changes/result.ts';
import type { ProjectState } from '../../server/src/environments/environment.ts';
import { aDraft, aKey } from './draft-builder.ts';
import type { Shop } from './storage-shop.ts';
import { PRODUCTION, SHOP, STAGING } from './storage-shop.ts';
import { ACTOR, write } from './storage-subject.ts';

/** Commit listeners: S20 and S21. */
export function describeListeners(shop: Shop): void {
  describe('commit listeners', () => {
    it('[S20] they hear once per environment, in order, when the commit can be read', async () => {
      const heard: unknown[] = [];
      const reads: Promise<ProjectState | undefined>[] = [];
      onTestFinished(
        shop.storage.onCommit((environment, revision) => {
          heard.push([environment, revision]);
          reads.push(shop.storage.read(SHOP));
        }),
      );
      await shop.commit([{ type: 'flag', key: 'a' }], {}, ['production', 'staging']);
      expect(heard).toEqual([
        [PRODUCTION, 1],
        [STAGING, 1],
      ]);
      const [state] = await Promise.all(reads);
      expect(state?.environments.get('production')?.revision).toBe(1);
    });

    it('[S20] they hear nothing of what was not committed', async () => {
      const heard: unknown[] = [];
      shop.storage.onCommit((_, revision) => heard.push(revision));
      const refusal = rejected({ code: 'IN_USE', detail: 'no' });
      await shop.storage.transact({ project: SHOP, actor: ACTOR, plan: () => refusal });
      await write(shop.storage, SHOP, () => null);
      await write(shop.storage, null, () => aDraft({ keys: [aKey('one')] }));
      expect(heard).toEqual([]);
    });

    it('[S21] one that throws harms neither the others nor the writer', async () => {
      const heard: number[] = [];
      shop.storage.onCommit(() => {
        throw new Error('listener');
      });
      shop.storage.onCommit((_, revision) => heard.push(revision));
      await shop.commit([{ type: 'flag', key: 'a' }]);
      expect(heard).toEqual([1]);
      expect(shop.subject.backgroundErrors).toEqual([new Error('listener')]);
    });

    it('[S21] one that has ended its subscription hears nothing', async () => {
      const heard: number[] = [];
      const end = shop.storage.onCommit((_, revision) => heard.push(revision));
      await shop.commit([{ type: 'flag', key: 'a' }]);
      end();
      end();
      await shop.commit([{ type: 'flag', key: 'b' }]);
      expect(heard).toEqual([1]);
    });
  });
}
