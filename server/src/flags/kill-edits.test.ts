import { buildRuleset } from '@dimmer/evaluator';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  accept,
  configurationInput,
  decide,
  flagInput,
  isoOf,
  NOW,
  projectWith,
  refuse,
  split,
} from '../changes/project.arbitrary.ts';
import type { ProjectState } from '../environments/environment.ts';
import { patchConfiguration, putConfiguration } from './configuration-edits.ts';
import { definitionOf } from './flag-definition.ts';
import { archiveFlag, createFlag } from './flag-edits.ts';
import { killFlag, killFlags, liftExpiredKills, restoreFlag } from './kill-edits.ts';

const flags = ['a', 'b', 'c'].map((key) => createFlag(flagInput({ key, tags: key === 'c' ? [] : ['shop'] })));
const project = projectWith(...flags);
const reason = 'payments time out';
const killA = killFlag('production', 'a', { reason });

function killOf(state: ProjectState, key: string) {
  return state.environments.get('production')?.flags.get(key)?.kill;
}

describe('killing', () => {
  test('[C30] a kill lies over the configuration, in one environment, and says who, when and why', () => {
    const outcome = accept(project, killA);
    expect(outcome.revisions).toEqual({ production: 4 });
    expect(outcome.commits[0]).toMatchObject({ kill: true, objects: [{ definition: { killed: true } }] });
    expect(killOf(outcome.after, 'a')).toEqual({ reason, by: 'ci', at: isoOf(NOW) });
    const before = project.environments.get('production')?.flags.get('a')?.configuration;
    expect(outcome.after.environments.get('production')?.flags.get('a')?.configuration).toBe(before);
  });

  test('[C31] the same kill again makes no revision and keeps who killed first', () => {
    const killed = accept(project, killA).after;
    const again = accept(killed, killA, { actor: { id: 'k2', name: 'someone else' } });
    expect(again.changed).toBe(false);
    expect(killOf(again.after, 'a')?.by).toBe('ci');
  });

  test('[C31] another reason or expiry replaces the kill, and travels like any kill', () => {
    const killed = accept(project, killA).after;
    const expiresAt = isoOf(NOW + 60_000);
    const outcome = accept(killed, killFlag('production', 'a', { reason, expiresAt }));
    expect(outcome.commits).toMatchObject([{ revision: 5, kill: true }]);
    expect(killOf(outcome.after, 'a')?.expiresAt).toBe(expiresAt);
  });

  test('[C32] an expiry lies in the future and is kept in UTC', () => {
    const past = refuse(project, killFlag('production', 'a', { reason, expiresAt: isoOf(NOW) }));
    expect(past.issues).toMatchObject([{ path: '$.expiresAt', rule: 'expiry-in-future' }]);
    const abroad = killFlag('production', 'a', { reason, expiresAt: '2026-11-21T14:00:00+01:00' });
    expect(killOf(accept(project, abroad).after, 'a')?.expiresAt).toBe('2026-11-21T13:00:00.000Z');
  });

  test('[C33] flags by name and by tag are killed in one revision', () => {
    const outcome = accept(project, killFlags('production', { flags: ['c'], tag: 'shop', reason }));
    expect(outcome.commits).toMatchObject([{ revision: 4, kill: true }]);
    expect(outcome.commits[0]?.objects.map(({ key }) => key).sort()).toEqual(['a', 'b', 'c']);
  });

  test('[C33] a name or tag that kills nothing is refused, and so is all of it', () => {
    const unknown = refuse(project, killFlags('production', { flags: ['a', 'x'], reason }));
    expect(unknown).toMatchObject({ code: 'FLAG_NOT_FOUND', issues: [{ path: '$.flags[1]' }] });
    expect(refuse(project, killFlags('production', { tag: 'x', reason })).code).toBe('FLAG_NOT_FOUND');
  });

  test('[C33] archived flags with the tag are passed over', () => {
    const state = accept(project, archiveFlag('a')).after;
    const outcome = accept(state, killFlags('production', { tag: 'shop', reason }));
    expect(outcome.commits[0]?.objects.map(({ key }) => key)).toEqual(['b']);
  });
});

describe('restoring', () => {
  test('[C34] a restore brings the definition back as it was', () => {
    const killed = accept(project, killA).after;
    const outcome = accept(killed, restoreFlag('production', 'a'));
    const definition = outcome.commits[0]?.objects[0]?.definition;
    expect(definition).toEqual({ ...definitionBefore(project), version: 5 });
    expect(accept(outcome.after, restoreFlag('production', 'a')).changed).toBe(false);
  });

  test('[C35] kills are lifted once their time has come, and no sooner', () => {
    const expiresAt = isoOf(NOW + 1000);
    const killed = projectWith(...flags, killFlags('production', { tag: 'shop', reason, expiresAt }));
    expect(accept(killed, liftExpiredKills('production', NOW + 999)).changed).toBe(false);
    const lifted = accept(killed, liftExpiredKills('production', NOW + 1000));
    expect([lifted.commits.length, killOf(lifted.after, 'a'), killOf(lifted.after, 'b')]).toEqual([
      1,
      null,
      null,
    ]);
  });
});

describe('every kind of configuration', () => {
  const conditions = [
    { all: [] },
    { not: { attribute: 'country', op: 'in', values: ['NO'] } },
    { attribute: 'email', op: 'matches', values: ['@example\\.com$'] },
    { attribute: 'address', op: 'inCidr', values: ['10.0.0.0/8'] },
    { attribute: 'version', op: 'semverGte', values: ['1.2.3'] },
  ];
  const serves = [{ variation: 'on' }, split(30)];
  const configurations = fc.record({
    enabled: fc.boolean(),
    offVariation: fc.constantFrom('on', 'off', null),
    prerequisites: fc.constantFrom([], [{ flag: 'b', variation: 'on' }]),
    targets: fc.constantFrom([], [{ variation: 'on', values: ['user-1'] }]),
    rules: fc
      .array(fc.record({ when: fc.constantFrom(...conditions), serve: fc.constantFrom(...serves) }))
      .map((rules) => rules.map((rule, index) => ({ id: `r${index}`, ...rule }))),
    fallthrough: fc.constantFrom(...serves),
  });

  test('[C30] whatever a flag does, killed it serves its off variation, and restored it does so again', () => {
    fc.assert(
      fc.property(configurations, (fields) => {
        const state = accept(project, putConfiguration('production', 'a', configurationInput(fields))).after;
        const killed = accept(state, killA).after;
        const evaluation = buildRuleset(servedBy(killed))
          .flags.get('a')
          ?.evaluate({ targetingKey: 'user-1' });
        expect(evaluation).toMatchObject({ reason: 'KILLED', variation: fields.offVariation });
        const restored = accept(killed, restoreFlag('production', 'a')).after;
        expect(withoutVersions(servedBy(restored))).toEqual(withoutVersions(servedBy(state)));
      }),
    );
  });

  test('[C36] a kill and a restore go through whatever else is wrong', () => {
    const broken = projectWith(...flags);
    const production = broken.environments.get('production');
    const place = production?.flags.get('a');
    if (production === undefined || place === undefined) throw new Error('no place');
    const configuration = { ...place.configuration, prerequisites: [{ flag: 'gone', variation: 'on' }] };
    const places = new Map(production.flags).set('a', { ...place, configuration });
    const state = {
      ...broken,
      environments: new Map(broken.environments).set('production', { ...production, flags: places }),
    };
    expect(decide(state, patchConfiguration('production', 'a', { enabled: true })).ok).toBe(false);
    const killed = accept(state, killA).after;
    expect(killOf(accept(killed, restoreFlag('production', 'a')).after, 'a')).toBeNull();
  });
});

function servedBy(state: ProjectState) {
  const places = [...(state.environments.get('production')?.flags ?? [])];
  return places.flatMap(([key, place]) => {
    const flag = state.flags.get(key);
    return flag === undefined ? [] : [definitionOf(flag, place, place.version)];
  });
}

function withoutVersions(definitions: readonly object[]): object[] {
  return definitions.map((definition) => ({ ...definition, version: 0 }));
}

function definitionBefore(state: ProjectState) {
  return servedBy(state).find(({ key }) => key === 'a');
}
