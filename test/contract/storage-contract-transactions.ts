import { describe, expect, it } from 'vitest';
import { accepted, rejected } from '../../server/src/changes/result.ts';
import type { World } from '../../server/src/storage/storage.ts';
import { aKey, anEnvironment, aProject, commitDraft } from './draft-builder.ts';
import { observe } from './storage-observation.ts';
import type { Shop } from './storage-shop.ts';
import { PRODUCTION, SHOP } from './storage-shop.ts';
import { ACTOR, projectOf, REPLY, requestOf, write } from './storage-subject.ts';

/** Transactions: S1 to S6, S28. */
export function describeTransactions(shop: Shop): void {
  describe('transactions', () => {
    it('[S1] a planner that throws changes nothing', async () => {
      const before = await observe(shop.storage);
      const planning = shop.storage.transact(
        requestOf(SHOP, () => {
          throw new Error('defect');
        }),
      );
      await expect(planning).rejects.toThrow('defect');
      expect(await observe(shop.storage)).toEqual(before);
    });

    it('[S1] a rejection is handed to the caller and changes nothing', async () => {
      const before = await observe(shop.storage);
      const rejection = rejected({ code: 'FLAG_NOT_FOUND', detail: 'no' });
      const result = await shop.storage.transact({ project: SHOP, actor: ACTOR, plan: () => rejection });
      expect(result).toEqual(rejection);
      expect(await observe(shop.storage)).toEqual(before);
    });

    it.each([
      ['the current revision', 0],
      ['a revision further on', 2],
    ])('[S2] a draft that commits %s is a defect and changes nothing', async (_, revision) => {
      const before = await observe(shop.storage);
      const writing = write(shop.storage, SHOP, (world) => {
        const draft = commitDraft(projectOf(world), ['production'], [{ type: 'flag', key: 'a' }]);
        return { ...draft, commits: draft.commits?.map((one) => ({ ...one, revision })) ?? [] };
      });
      await expect(writing).rejects.toThrow('production is at revision 0');
      expect(await observe(shop.storage)).toEqual(before);
    });

    it('[S2] concurrent writers get consecutive revisions without a gap', async () => {
      const keys = Array.from({ length: 20 }, (_, index) => `flag-${index}`);
      await Promise.all(keys.map((key) => shop.commit([{ type: 'flag', key }])));
      const changes = await shop.storage.changesAfter(PRODUCTION, 0, 100);
      expect(changes.map((change) => change.revision)).toEqual(keys.map((_, index) => index + 1));
      expect((await shop.state()).flags.size).toBe(20);
    });

    it('[S3] a failure between any two statements leaves all or nothing', async ({ skip }) => {
      const { failAtStatement } = shop.subject;
      if (failAtStatement === undefined) return skip('this adapter runs no statements');
      const idempotency = { key: 'i1', fingerprint: 'f1' };
      const draft = (world: World) =>
        commitDraft(
          projectOf(world),
          ['production', 'staging'],
          [
            { type: 'flag', key: 'a', enabled: true },
            { type: 'segment', key: 'beta', included: ['user-1'] },
          ],
          {
            keys: [aKey('new')],
            environments: [anEnvironment('preview')],
            project: aProject(SHOP, 'Shop'),
          },
        );
      const before = await observe(shop.storage);
      let failures = 0;
      for (let statement = 1; ; statement += 1) {
        const failing = failAtStatement(statement);
        const outcome = await shop.storage
          .transact(requestOf(SHOP, draft, { idempotency }))
          .catch((error: unknown) => error);
        failing.disarm();
        if (!failing.reached()) break;
        expect(outcome).toBeInstanceOf(Error);
        expect(await observe(shop.storage)).toEqual(before);
        failures += 1;
      }
      expect(failures).toBeGreaterThan(15);
      const repeat = await shop.storage.transact(requestOf(SHOP, draft, { idempotency }));
      expect(repeat).toEqual(accepted({ reply: REPLY, replayed: true }));
      expect([await shop.revisionOf('production'), await shop.revisionOf('staging')]).toEqual([1, 1]);
    });

    it('[S4] a planner sees exactly the state that its draft is applied to', async () => {
      shop.subject.clock.advance(5);
      await shop.commit([{ type: 'flag', key: 'a' }], { keys: [aKey('one')] });
      const state = await shop.state();
      let seen: World | undefined;
      await write(shop.storage, SHOP, (world) => {
        seen = world;
        return null;
      });
      expect(seen?.now).toBe(shop.subject.clock.now());
      expect(seen?.project).toEqual(state);
      expect([...(seen?.projects.keys() ?? [])]).toEqual([SHOP]);
      expect([...(seen?.keys.values() ?? [])]).toEqual([aKey('one')]);
    });

    it('[S4] a planner for the whole server, or for a project that does not exist, sees no project', async () => {
      const seen: unknown[] = [];
      const look = (world: World) => {
        seen.push(world.project);
        return null;
      };
      await write(shop.storage, null, look);
      await write(shop.storage, 'nowhere', look);
      expect(seen).toEqual([undefined, undefined]);
    });

    it('[S5] what was acknowledged is there when the data is opened again', async ({ skip }) => {
      if (shop.subject.reopen === undefined) return skip('data ends with this adapter');
      await shop.commit(
        [
          { type: 'flag', key: 'a', enabled: true },
          { type: 'segment', key: 'beta' },
        ],
        {
          keys: [aKey('one', { kind: 'server', role: null, project: SHOP, environment: 'production' })],
        },
      );
      await shop.commit([{ type: 'archive', key: 'a' }]);
      await shop.commit([{ type: 'remove-segment', key: 'beta' }]);
      await shop.storage.prune({ revisions: 1, days: 0 });
      const before = await observe(shop.storage);
      expect(await observe(await shop.subject.reopen())).toEqual(before);
    });

    it('[S6] a state that was handed out never changes', async () => {
      await shop.commit([
        { type: 'flag', key: 'a' },
        { type: 'segment', key: 'beta' },
      ]);
      const held = await shop.state();
      const copy = structuredClone(held);
      await shop.commit([
        { type: 'flag', key: 'a', enabled: true },
        { type: 'remove-segment', key: 'beta' },
      ]);
      await shop.storage.prune({ revisions: 0, days: 0 });
      expect(held).toEqual(copy);
    });

    it('[S28] a draft over several environments commits all of them, or none', async () => {
      await shop.commit([{ type: 'flag', key: 'a' }], {}, ['production', 'staging']);
      expect([await shop.revisionOf('production'), await shop.revisionOf('staging')]).toEqual([1, 1]);
      const before = await observe(shop.storage);
      const writing = write(shop.storage, SHOP, (world) => {
        const draft = commitDraft(projectOf(world), ['production', 'staging'], [{ type: 'flag', key: 'b' }]);
        const [first, second] = draft.commits ?? [];
        return { ...draft, commits: first && second ? [first, { ...second, revision: 7 }] : [] };
      });
      await expect(writing).rejects.toThrow('staging is at revision 1');
      expect(await observe(shop.storage)).toEqual(before);
    });
  });
}
