import { buildRuleset, evaluate } from '@dimmer/evaluator';
import { DeclaredState, StateView } from '@dimmer/schema/rest';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ProjectState } from '../environments/environment.ts';
import { patchConfiguration } from '../flags/configuration-edits.ts';
import { servedFlags } from '../flags/find-flag.ts';
import { definitionOf } from '../flags/flag-definition.ts';
import { createFlag } from '../flags/flag-edits.ts';
import { killFlag } from '../flags/kill-edits.ts';
import { segmentDefinitionOf } from '../segments/segment-definition.ts';
import { declaredEdit } from './declare.ts';
import { arbitraryEdit } from './edits.arbitrary.ts';
import {
  accept,
  changeSet,
  decide,
  emptyProject,
  flagInput,
  isoOf,
  NOW,
  projectWith,
  refuse,
  split,
} from './project.arbitrary.ts';
import { stateView } from './state-view.ts';

const ENVIRONMENTS = ['production', 'staging', 'development'];
const USERS = Array.from({ length: 10_000 }, (_, user) => ({ targetingKey: `user-${user}`, country: 'NO' }));

function viewOf(state: ProjectState, key: string): StateView {
  const environment = state.environments.get(key);
  if (environment === undefined) throw new Error(`there is no environment ${key}`);
  return StateView.parse(stateView(state, environment));
}

function statesOf(state: ProjectState): Omit<StateView, 'revision'>[] {
  return ENVIRONMENTS.map((key) => {
    const { revision: _, ...objects } = viewOf(state, key);
    return objects;
  });
}

/** What is declared, as it comes from a GET. */
function declare(key: string, view: object, options: object = {}) {
  return declaredEdit(key, DeclaredState.parse({ ...view, ...options }));
}

/** Declares every environment of one project in an empty one. */
function moved(state: ProjectState): ProjectState {
  const options = { kills: 'add', newFlagsElsewhere: 'absent' };
  return ENVIRONMENTS.reduce(
    (project, key) => accept(project, declare(key, viewOf(state, key), options)).after,
    emptyProject(),
  );
}

/** What every user gets of every flag in an environment. */
function answersIn(state: ProjectState, key: string): unknown[] {
  const environment = state.environments.get(key);
  if (environment === undefined) throw new Error(`there is no environment ${key}`);
  const flags = [...servedFlags(state, environment)].sort((left, right) =>
    left.flag.key < right.flag.key ? -1 : 1,
  );
  const ruleset = buildRuleset([
    ...[...environment.segments.values()].map(({ segment }) => segmentDefinitionOf(segment, 1)),
    ...flags.map(({ flag, place }) => definitionOf(flag, place, 1)),
  ]);
  return flags.map(({ flag }) =>
    USERS.map((user) => {
      const { variation, reason } = evaluate(ruleset, flag.key, user);
      return `${variation}/${reason}`;
    }),
  );
}

const anyProject = fc
  .array(fc.tuple(fc.constantFrom(...ENVIRONMENTS), arbitraryEdit()), { maxLength: 30 })
  .map((edits) =>
    edits.reduce(
      (state, [environment, edit]) => {
        const decision = decide(state, changeSet(environment, [edit]));
        return decision.ok ? decision.outcome.after : state;
      },
      projectWith(...['a', 'b', 'c'].map((key) => createFlag(flagInput({ key })))),
    ),
  );

describe('the state of an environment', () => {
  test('[MV1] declared as it is, it changes nothing, whatever it says of kills', () => {
    fc.assert(
      fc.property(
        anyProject,
        fc.constantFrom(...ENVIRONMENTS),
        fc.constantFrom('keep', 'add', 'replace'),
        (state, key, kills) => {
          const outcome = accept(state, declare(key, viewOf(state, key), { kills }));
          expect(outcome.commits).toEqual([]);
          expect(outcome.changed).toBe(false);
        },
      ),
      { numRuns: 100 },
    );
  });

  test('[MV4] a project that is declared elsewhere is the same, in one revision per environment', () => {
    fc.assert(
      fc.property(anyProject, (state) => {
        const there = moved(state);
        expect(statesOf(there)).toEqual(statesOf(state));
        for (const key of ENVIRONMENTS) {
          expect(there.environments.get(key)?.revision).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('[MV4] ten thousand users get there what they got here', () => {
    const grown = [10, 25, 60, 25].map((on) =>
      patchConfiguration('production', 'a', {
        enabled: true,
        fallthrough: { rollout: { by: 'targetingKey', weights: split(on).rollout.weights } },
      }),
    );
    const state = projectWith(createFlag(flagInput({ key: 'a' })), ...grown);
    expect(answersIn(moved(state), 'production')).toEqual(answersIn(state, 'production'));
    expect(new Set(answersIn(state, 'production').flat())).toEqual(new Set(['on/SPLIT', 'off/SPLIT']));
    fc.assert(
      fc.property(anyProject, (any) => {
        expect(answersIn(moved(any), 'staging')).toEqual(answersIn(any, 'staging'));
      }),
      { numRuns: 5 },
    );
  });
});

describe('kills in a declared state', () => {
  const made = (kill: object | null) => ({
    flags: [
      { key: 'a', configuration: { enabled: true, offVariation: 'off', fallthrough: split(10), kill } },
    ],
  });
  const killed = projectWith(
    createFlag(flagInput({ key: 'a' })),
    killFlag('production', 'a', { reason: 'here' }),
  );
  const live = projectWith(createFlag(flagInput({ key: 'a' })));
  const asked = { reason: 'there', by: 'Ada', at: isoOf(NOW - 60_000), expiresAt: isoOf(NOW + 60_000) };
  const killIn = (state: ProjectState) => state.environments.get('production')?.flags.get('a')?.kill;

  test('[MV2] `keep` leaves them, `add` makes and never lifts, `replace` does both', () => {
    const after = (state: ProjectState, kill: object | null, kills: string) =>
      killIn(accept(state, declare('production', made(kill), { kills })).after);
    expect(after(live, asked, 'keep')).toBeNull();
    expect(after(killed, null, 'keep')?.reason).toBe('here');
    expect(after(live, asked, 'add')).toEqual(asked);
    expect(after(killed, asked, 'add')).toEqual(asked);
    expect(after(killed, null, 'add')?.reason).toBe('here');
    expect(after(killed, null, 'replace')).toBeNull();
    expect(after(killed, asked, 'replace')).toEqual(asked);
  });

  test('[MV2] a kill that is declared travels as one, and without a name it is the caller, now', () => {
    const { after, commits } = accept(
      live,
      declare('production', made({ reason: 'there' }), { kills: 'add' }),
    );
    expect(commits[0]?.kill).toBe(true);
    expect(killIn(after)).toEqual({ reason: 'there', by: 'ci', at: isoOf(NOW) });
    const again = declare('production', made({ reason: 'there' }), { kills: 'replace' });
    expect(accept(after, again).changed).toBe(false);
  });

  test('[MV2] one whose time is over counts as none', () => {
    const over = { reason: 'there', expiresAt: isoOf(NOW - 1) };
    const { after } = accept(live, declare('production', made(over), { kills: 'replace' }));
    expect(killIn(after)).toBeNull();
  });
});

describe('archived flags and places in a declared state', () => {
  const state = projectWith(createFlag(flagInput({ key: 'a' })), createFlag(flagInput({ key: 'b' })));
  const configuration = { enabled: true, offVariation: 'off', fallthrough: { variation: 'on' } };

  test('[MV3] a flag is made archived, becomes archived, and comes back', () => {
    const archived = { flags: [{ key: 'a', archived: true, configuration }] };
    const made = accept(emptyProject(), declare('production', archived)).after;
    expect(made.flags.get('a')?.archivedAt).not.toBeNull();
    const { after, commits } = accept(state, declare('production', archived));
    expect(after.flags.get('a')?.archivedAt).not.toBeNull();
    expect(commits.map(({ environment }) => environment).sort()).toEqual([...ENVIRONMENTS].sort());
    expect(accept(after, declare('production', archived)).changed).toBe(false);
    const back = accept(
      after,
      declare('staging', { flags: [{ key: 'a', archived: false, configuration }] }),
    ).after;
    expect(back.flags.get('a')?.archivedAt).toBeNull();
    expect(back.environments.get('production')?.flags.get('a')?.configuration.enabled).toBe(true);
  });

  test('[MV3] a flag that others wait for cannot be declared archived', () => {
    const waiting = accept(
      state,
      patchConfiguration('staging', 'b', { prerequisites: [{ flag: 'a', variation: 'on' }] }),
    ).after;
    const rejection = refuse(
      waiting,
      declare('production', { flags: [{ key: 'a', archived: true, configuration }] }),
    );
    expect(rejection.detail).toContain('"b"');
  });

  test('[MV3] without a configuration a flag has no place here, and new flags have none elsewhere if so asked', () => {
    const { after } = accept(
      state,
      declare(
        'production',
        {
          flags: [
            { key: 'a', configuration: null },
            { key: 'c', configuration },
          ],
        },
        { newFlagsElsewhere: 'absent' },
      ),
    );
    expect([...(after.environments.get('production')?.flags.keys() ?? [])]).toEqual(['c']);
    expect(after.environments.get('staging')?.flags.has('a')).toBe(true);
    expect(after.environments.get('staging')?.flags.has('c')).toBe(false);
    expect(after.environments.get('staging')?.revision).toBe(2);
  });
});
