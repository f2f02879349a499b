import fc from 'fast-check';
import { rejected } from '../../server/src/changes/result.ts';
import type { ProjectState } from '../../server/src/environments/environment.ts';
import type { Draft, HistoryPolicy, TransactRequest, World } from '../../server/src/storage/storage.ts';
import type { Step } from './draft-builder.ts';
import { aDraft, aKey, anEnvironment, aProject, commitDraft, projectDraft } from './draft-builder.ts';
import { requestOf } from './storage-subject.ts';

/** One thing that can be done to a storage. */
export type Command =
  | { readonly type: 'transact'; readonly label: string; readonly request: TransactRequest }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'prune'; readonly policy: HistoryPolicy }
  | { readonly type: 'reopen' };

const PROJECTS = ['shop', 'blog'];
const ENVIRONMENTS = ['production', 'staging', 'preview'];

const project = fc.constantFrom(...PROJECTS);
const flagKey = fc.constantFrom('a', 'b', 'c');
const segmentKey = fc.constantFrom('beta', 'internal');

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('flag' as const), key: flagKey, enabled: fc.boolean() }),
  fc.record({
    type: fc.constant('flag' as const),
    key: flagKey,
    kill: fc.option(fc.constant({ reason: 'burning', by: 'Ada', at: '2026-03-01T12:00:00.000Z' })),
  }),
  fc.record({ type: fc.constantFrom('archive' as const, 'remove' as const), key: flagKey }),
  fc.record({
    type: fc.constant('segment' as const),
    key: segmentKey,
    included: fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 3 }),
  }),
  fc.record({ type: fc.constant('remove-segment' as const), key: segmentKey }),
);

const commit: fc.Arbitrary<Command> = fc
  .record({
    project,
    environments: fc.subarray(ENVIRONMENTS, { minLength: 1 }),
    steps: fc.array(step, { maxLength: 4 }),
  })
  .map(({ project, environments, steps }) =>
    transact(`commit ${JSON.stringify(steps)} to ${environments} of ${project}`, project, (world) =>
      ifProject(world, (state) =>
        commitDraft(
          state,
          environments.filter((key) => state.environments.has(key)),
          steps,
        ),
      ),
    ),
  );

const misfit: fc.Arbitrary<Command> = fc
  .record({ project, by: fc.constantFrom(-1, 1) })
  .map(({ project, by }) =>
    transact(`misfit ${by} in ${project}`, project, (world) =>
      ifProject(world, (state) => {
        const draft = commitDraft(state, [...state.environments.keys()], [{ type: 'flag', key: 'a' }]);
        const commits = draft.commits?.map((one) => ({ ...one, revision: one.revision + by })) ?? [];
        return { ...draft, commits };
      }),
    ),
  );

const environment: fc.Arbitrary<Command> = fc
  .record({ project, key: fc.constantFrom(...ENVIRONMENTS), name: fc.constantFrom('One', 'Two') })
  .map(({ project, key, name }) =>
    transact(`environment ${key} named ${name} in ${project}`, project, (world) =>
      ifProject(world, () => aDraft({ environments: [anEnvironment(key, name)] })),
    ),
  );

const newProject: fc.Arbitrary<Command> = fc
  .record({ project, environments: fc.subarray(ENVIRONMENTS) })
  .map(({ project, environments }) =>
    transact(`project ${project} with ${environments}`, null, (world) =>
      world.projects.has(project)
        ? aDraft({ project: aProject(project, 'Renamed') })
        : projectDraft(project, environments),
    ),
  );

const keys: fc.Arbitrary<Command> = fc
  .record({ add: fc.subarray(['one', 'two', 'three']), revoke: fc.subarray(['one', 'two', 'three']) })
  .map(({ add, revoke }) =>
    transact(`add keys ${add}, revoke ${revoke}`, null, () =>
      aDraft({ keys: add.map((id) => aKey(id)), revokedKeys: revoke }),
    ),
  );

const repeatable: fc.Arbitrary<Command> = fc
  .record({ project, key: fc.constantFrom('i1', 'i2'), fingerprint: fc.constantFrom('f1', 'f2') })
  .map(({ project, key, fingerprint }) => ({
    type: 'transact',
    label: `repeatable ${key} ${fingerprint} in ${project}`,
    request: requestOf(
      project,
      (world) =>
        ifProject(world, (state) =>
          commitDraft(state, [...state.environments.keys()].slice(0, 1), [{ type: 'flag', key: 'a' }]),
        ),
      { idempotency: { key, fingerprint } },
    ),
  }));

const refused: fc.Arbitrary<Command> = project.map((key) => ({
  type: 'transact',
  label: `refused in ${key}`,
  request: requestOf(key, () => null, { plan: () => rejected({ code: 'IN_USE', detail: 'no' }) }),
}));

const advance: fc.Arbitrary<Command> = fc
  .constantFrom(1, 60_000, 25 * 60 * 60 * 1000, -60_000)
  .map((ms) => ({ type: 'advance', ms }));

const prune: fc.Arbitrary<Command> = fc
  .record({ revisions: fc.nat({ max: 4 }), days: fc.constantFrom(0, 0.5, 2) })
  .map((policy) => ({ type: 'prune', policy }));

/** Anything that can be done, mostly commits. */
export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 10, arbitrary: commit },
  { weight: 2, arbitrary: newProject },
  { weight: 2, arbitrary: environment },
  { weight: 2, arbitrary: repeatable },
  { weight: 1, arbitrary: keys },
  { weight: 1, arbitrary: misfit },
  { weight: 1, arbitrary: refused },
  { weight: 2, arbitrary: advance },
  { weight: 2, arbitrary: prune },
  { weight: 1, arbitrary: fc.constant<Command>({ type: 'reopen' }) },
);

function transact(label: string, scope: string | null, draft: (world: World) => Draft | null): Command {
  return { type: 'transact', label, request: requestOf(scope, draft) };
}

function ifProject(world: World, draft: (state: ProjectState) => Draft): Draft | null {
  return world.project === undefined ? null : draft(world.project);
}
