import { buildRuleset } from '@dimmer/evaluator';
import type { WireObject } from '@dimmer/schema';
import type { Edit } from '@dimmer/schema/rest';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { patchConfiguration } from '../flags/configuration-edits.ts';
import { servedFlags } from '../flags/find-flag.ts';
import { definitionOf } from '../flags/flag-definition.ts';
import { createFlag, patchFlag } from '../flags/flag-edits.ts';
import { segmentDefinitionOf } from '../segments/segment-definition.ts';
import { changeView, commitView } from './change-views.ts';
import { arbitraryEdit, arbitraryEnvironmentEdit, EDITED_FLAGS } from './edits.arbitrary.ts';
import {
  accept,
  changeSet,
  decide,
  emptyProject,
  flagInput,
  projectWith,
  refuse,
} from './project.arbitrary.ts';
import { rejected } from './result.ts';
import { revertEdit } from './revert.ts';
import { storedProject } from './stored-project.arbitrary.ts';

const checkout = createFlag(flagInput({ key: 'checkout' }));
const fourFlags = EDITED_FLAGS.map((key) => createFlag(flagInput({ key })));

/** A run asks for about 20 documents; raise their number for a long run. */
const RUNS = Math.ceil(Number(process.env['DIMMER_TEST_DOCUMENTS'] ?? 1_200) / 20);

test('[C1] a project that is not there is a rejection', async () => {
  const { commit } = await storedProject();
  const result = await commit(checkout, { project: 'other' });
  expect(result).toMatchObject({ ok: false, rejection: { code: 'PROJECT_NOT_FOUND' } });
});

test('[C7] a precondition is judged on the state before the edit, and its rejection writes nothing', async () => {
  const { commit, state } = await storedProject();
  const rejection = { code: 'PRECONDITION_FAILED', detail: 'It has changed.' } as const;
  const seen: number[] = [];
  const precondition = ({ flags }: ProjectState) => {
    seen.push(flags.size);
    return rejected(rejection);
  };
  expect(await commit(checkout, { precondition })).toEqual({ ok: false, rejection });
  expect([seen, (await state()).flags.size]).toEqual([[0], 0]);
});

test('[C6] a dry run answers as the write would, and writes nothing', async () => {
  const { commit, state } = await storedProject();
  const dry = await commit(checkout, { dryRun: true });
  expect(dry).toMatchObject({ ok: true, value: { dryRun: true, revisions: { production: 1 } } });
  expect((await state()).flags.size).toBe(0);
  const wet = await commit(checkout);
  if (!dry.ok || !wet.ok) throw new Error('rejected');
  expect(wet.value.commits).toEqual(dry.value.commits);
});

test('[C2] the history tells who did what, when and why, with every object before and after', async () => {
  const { commit, storage } = await storedProject();
  await commit(checkout, { action: 'flag.create', reason: 'because' });
  await commit(patchConfiguration('production', 'checkout', { enabled: true }));
  const changes = await storage.history({ project: 'shop', environment: 'production' }, { limit: 10 });
  expect(changes.map(changeView)).toMatchObject([
    { revision: 2, objects: [{ key: 'checkout', before: { enabled: false }, after: { enabled: true } }] },
    {
      revision: 1,
      actor: 'ci',
      action: 'flag.create',
      reason: 'because',
      kill: false,
      objects: [{ kind: 'flag', before: null, after: { enabled: false, kill: null, type: 'boolean' } }],
    },
  ]);
});

test('[C2] the answer tells the revision of its environment and those of the others', () => {
  const outcome = accept(projectWith(checkout), patchFlag('checkout', { exposeToClients: true }));
  expect(commitView(outcome, 'staging')).toMatchObject({
    revision: 2,
    revisions: { production: 2, staging: 2, development: 2 },
    changed: true,
    objects: [{ before: { exposeToClients: false }, after: { exposeToClients: true } }],
  });
});

test('[C5] only what changed gets the new version', () => {
  const state = projectWith(checkout, createFlag(flagInput({ key: 'other' })));
  const { after } = accept(state, patchConfiguration('production', 'other', { enabled: true }));
  const flags = after.environments.get('production')?.flags;
  expect([flags?.get('checkout')?.version, flags?.get('other')?.version]).toEqual([1, 3]);
  expect(flags?.get('checkout')).toBe(state.environments.get('production')?.flags.get('checkout'));
});

test('[C5] a flag that is taken over just as it was keeps its version, in its row and in its definition', async () => {
  const project = await storedProject();
  for (const edit of fourFlags) await project.commit(edit);
  const taken = flagInput({ key: 'c', reuseArchivedKey: true });
  const edits: readonly Edit[] = [
    { edit: 'archiveFlag', key: 'c' },
    { edit: 'createFlag', flag: taken },
  ];
  expect((await project.commit(changeSet('production', edits))).ok).toBe(true);
  const { environments } = await project.state();
  const snapshot = await project.storage.snapshot({ project: 'shop', environment: 'production' });
  const served = snapshot?.objects.find(({ key }) => key === 'c');
  expect(environments.get('production')?.flags.get('c')?.version).toBe(served?.version);
});

test('[C1] whatever is asked, in any order: what is accepted can be evaluated, and what is refused writes nothing', {
  timeout: 20_000 + 200 * RUNS,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(arbitraryEdit(), { minLength: 1, maxLength: 3 }), { maxLength: 20 }),
      async (sets) => {
        const project = await storedProject();
        for (const edit of fourFlags) await project.commit(edit);
        for (const edits of sets) {
          const before = await project.state();
          const copy = structuredClone(before);
          const result = await project.commit(changeSet('production', edits));
          expect(before).toEqual(copy);
          const after = await project.state();
          if (!result.ok) expect(after).toBe(before);
          else expect(result.value.after).toEqual(after);
          for (const [key, environment] of after.environments) {
            const snapshot = await project.storage.snapshot({ project: 'shop', environment: key });
            const objects = snapshot?.objects ?? [];
            expect(byName(objects)).toEqual(byName(definitionsOf(after, environment)));
            const defects = [...buildRuleset(objects).flags.values()].flatMap(({ defect }) => defect ?? []);
            expect(defects).toEqual([]);
          }
        }
      },
    ),
    { numRuns: RUNS },
  );
});

test('[C90] after any edits of an environment, a revert brings every definition back, with seeds and ranges', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryEnvironmentEdit(), { minLength: 1, maxLength: 15 }),
      fc.nat(),
      async (edits, pick) => {
        const project = await storedProject();
        for (const edit of fourFlags) await project.commit(edit);
        const snapshots: ReturnType<typeof byName>[] = [await served(project)];
        for (const edit of edits) {
          const result = await project.commit(changeSet('production', [edit]));
          if (result.ok && result.value.changed) snapshots.push(await served(project));
        }
        const index = pick % snapshots.length;
        const to = fourFlags.length + index;
        const differences = await project.differencesAt(to);
        const options = { to, includeKills: true };
        const result = await project.commit(revertEdit('production', differences, options));
        expect(result.ok).toBe(true);
        expect(await served(project)).toEqual(snapshots[index]);
      },
    ),
    { numRuns: 60 },
  );
});

test('[C5] an edit of the same project decides the same, whatever was decided before', () => {
  fc.assert(
    fc.property(arbitraryEdit(), (asked) => {
      const state = fourFlags.reduce((current, edit) => accept(current, edit).after, emptyProject());
      const edit = changeSet('production', [asked]);
      expect(decide(state, edit)).toEqual(decide(state, edit));
    }),
  );
});

test('[C3] a change set that undoes itself is no change', () => {
  const state = projectWith(checkout);
  const edit = changeSet('production', [
    { edit: 'kill', flag: 'checkout', reason: 'x' },
    { edit: 'restore', flag: 'checkout' },
  ]);
  expect(decide(state, edit)).toMatchObject({ ok: true, draft: null, outcome: { changed: false } });
  expect(refuse(state, changeSet('qa', [{ edit: 'restore', flag: 'checkout' }])).code).toBe(
    'ENVIRONMENT_NOT_FOUND',
  );
});

async function served(project: Awaited<ReturnType<typeof storedProject>>) {
  const snapshot = await project.storage.snapshot({ project: 'shop', environment: 'production' });
  return byName((snapshot?.objects ?? []).map((object) => ({ ...object, version: 0 })));
}

function definitionsOf(state: ProjectState, environment: EnvironmentState): WireObject[] {
  const flags = [...servedFlags(state, environment)];
  return [
    ...flags.map(({ flag, place }) => definitionOf(flag, place, place.version)),
    ...[...environment.segments.values()].map(({ segment, version }) =>
      segmentDefinitionOf(segment, version),
    ),
  ];
}

function byName(objects: readonly WireObject[]): ReadonlyMap<string, WireObject> {
  return new Map(objects.map((object) => [`${object.kind}/${object.key}`, object]));
}
