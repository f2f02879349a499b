import { describe, expect, it } from 'vitest';
import type { Change } from '../../server/src/storage/storage.ts';
import { aDraft, anEnvironment, aProject, commitDraft } from './draft-builder.ts';
import { sortedSnapshot } from './storage-observation.ts';
import type { Shop } from './storage-shop.ts';
import { PRODUCTION, SHOP, STAGING } from './storage-shop.ts';
import { ACTOR, projectOf, write } from './storage-subject.ts';

/** Snapshots and changes: S11 to S14, S25, S27, S29. */
export function describeSnapshots(shop: Shop): void {
  describe('snapshots and changes', () => {
    it('[S11] a snapshot holds every definition, and a tombstone for each that is gone', async () => {
      shop.subject.clock.advance(1000);
      await shop.commit([
        { type: 'flag', key: 'a' },
        { type: 'flag', key: 'b' },
        { type: 'segment', key: 'beta' },
      ]);
      await shop.commit([{ type: 'remove', key: 'a' }]);
      const snapshot = sortedSnapshot(await shop.storage.snapshot(PRODUCTION));
      expect(snapshot).toMatchObject({ epoch: 'epochproduction', revision: 2, historyFloor: 0 });
      expect(snapshot?.committedAt).toBe(new Date(shop.subject.clock.now()).toISOString());
      expect(snapshot?.objects).toMatchObject([
        { kind: 'flag', key: 'b', version: 1 },
        { kind: 'segment', key: 'beta', version: 1 },
      ]);
      expect(snapshot?.tombstones).toEqual([{ kind: 'flag', key: 'a', version: 2 }]);
    });

    it('[S11] an object that comes back has no tombstone any more', async () => {
      await shop.commit([{ type: 'flag', key: 'a' }]);
      await shop.commit([{ type: 'remove', key: 'a' }]);
      await shop.commit([{ type: 'flag', key: 'a' }]);
      const snapshot = await shop.storage.snapshot(PRODUCTION);
      expect(snapshot?.objects).toMatchObject([{ key: 'a', version: 3 }]);
      expect(snapshot?.tombstones).toEqual([]);
    });

    it('[S12] an archived flag keeps its configuration and is served to nobody', async () => {
      await shop.commit([{ type: 'flag', key: 'a', enabled: true }]);
      await shop.commit([{ type: 'archive', key: 'a' }]);
      const place = (await shop.state()).environments.get('production')?.flags.get('a');
      expect(place).toMatchObject({ configuration: { enabled: true } });
      expect(await shop.storage.snapshot(PRODUCTION)).toMatchObject({
        objects: [],
        tombstones: [{ kind: 'flag', key: 'a', version: 2 }],
      });
    });

    it('[S13] changes come in order, whole, and at most as many as asked for', async () => {
      await shop.commit([
        { type: 'flag', key: 'a' },
        { type: 'segment', key: 'beta' },
        { type: 'flag', key: 'b' },
      ]);
      await shop.commit([{ type: 'flag', key: 'a', enabled: true }]);
      await shop.commit([{ type: 'flag', key: 'b', enabled: true }]);
      const [first, second, ...rest] = await shop.storage.changesAfter(PRODUCTION, 0, 2);
      expect(first?.objects.map(({ kind, key }) => `${kind}/${key}`)).toEqual([
        'flag/a',
        'segment/beta',
        'flag/b',
      ]);
      expect([first?.revision, second?.revision, rest.length]).toEqual([1, 2, 0]);
      expect((await shop.storage.changesAfter(PRODUCTION, 2, 100)).map((change) => change.revision)).toEqual([
        3,
      ]);
      expect(await shop.storage.changesAfter(PRODUCTION, 3, 100)).toEqual([]);
    });

    it('[S13] a change tells who, when, why and what was before and after', async () => {
      await shop.commit([{ type: 'flag', key: 'a' }]);
      shop.subject.clock.advance(60_000);
      const kill = { reason: 'burning', by: 'Ada', at: '2026-03-01T12:01:00.000Z' };
      await shop.commit([{ type: 'flag', key: 'a', kill }], { action: 'flag.kill', reason: 'burning' });
      const [change] = await shop.storage.changesAfter(PRODUCTION, 1, 1);
      expect(change).toMatchObject({
        revision: 2,
        at: '2026-03-01T12:01:00.000Z',
        actor: ACTOR,
        action: 'flag.kill',
        reason: 'burning',
        kill: true,
        objects: [{ before: { kill: null }, after: { kill }, definition: { killed: true, version: 2 } }],
      });
    });

    it('[S14] folding the changes from the start gives the snapshot', async () => {
      await shop.commit([
        { type: 'flag', key: 'a' },
        { type: 'flag', key: 'b' },
      ]);
      await shop.commit([
        { type: 'segment', key: 'beta' },
        { type: 'remove', key: 'b' },
      ]);
      await shop.commit([{ type: 'flag', key: 'a', enabled: true }]);
      const folded = fold(await shop.storage.changesAfter(PRODUCTION, 0, 100));
      expect(folded).toEqual(sortedSnapshot(await shop.storage.snapshot(PRODUCTION))?.objects);
    });

    it('[S27] a new environment is at revision 0 with an empty snapshot', async () => {
      expect(await shop.storage.snapshot(STAGING)).toEqual({
        epoch: 'epochstaging',
        revision: 0,
        historyFloor: 0,
        committedAt: '2026-01-01T00:00:00.000Z',
        objects: [],
        tombstones: [],
      });
    });

    it('[S27] a draft may create an environment and commit to it', async () => {
      await shop.commit([{ type: 'flag', key: 'a' }]);
      await write(shop.storage, SHOP, (world) => {
        const state = projectOf(world);
        const preview = anEnvironment('preview');
        const empty = {
          environment: preview,
          revision: 0,
          historyFloor: 0,
          flags: new Map(),
          segments: new Map(),
        };
        const withPreview = { ...state, environments: new Map(state.environments).set('preview', empty) };
        return commitDraft(withPreview, ['preview'], [{ type: 'flag', key: 'a' }], {
          environments: [preview],
        });
      });
      expect([...(await shop.state()).environments.keys()]).toEqual(['production', 'staging', 'preview']);
      expect(await shop.revisionOf('preview')).toBe(1);
    });

    it('[S29] renaming a project or an environment keeps its revision and history', async () => {
      await shop.commit([{ type: 'flag', key: 'a' }]);
      await write(shop.storage, null, () =>
        aDraft({
          project: { ...aProject(SHOP, 'The shop'), version: 2 },
          environments: [anEnvironment('production', 'Live')],
        }),
      );
      const state = await shop.state();
      expect(state.project).toMatchObject({ name: 'The shop', version: 2 });
      expect(state.environments.get('production')).toMatchObject({
        revision: 1,
        environment: { name: 'Live' },
      });
      expect(await shop.storage.projects()).toEqual([state.project]);
      expect(await shop.storage.changesAfter(PRODUCTION, 0, 10)).toHaveLength(1);
    });

    it('[S25] what does not exist is undefined or empty', async () => {
      const nowhere = { project: SHOP, environment: 'nowhere' };
      expect(await shop.storage.read('nowhere')).toBeUndefined();
      expect(await shop.storage.snapshot(nowhere)).toBeUndefined();
      expect(await shop.storage.revisionAt(nowhere, shop.subject.clock.now())).toBeUndefined();
      expect(await shop.storage.differencesAt(nowhere, 0)).toBeUndefined();
      expect(await shop.storage.changesAfter(nowhere, 0, 10)).toEqual([]);
      expect(await shop.storage.history(nowhere, { limit: 10 })).toEqual([]);
    });
  });
}

/** What a follower holds that has applied the changes in order. */
function fold(changes: readonly Change[]): readonly unknown[] {
  const objects = new Map<string, unknown>();
  for (const { kind, key, definition } of changes.flatMap((change) => change.objects)) {
    if (definition === null) objects.delete(`${kind}/${key}`);
    else objects.set(`${kind}/${key}`, definition);
  }
  return [...objects].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, object]) => object);
}
