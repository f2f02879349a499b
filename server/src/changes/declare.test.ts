import { DeclaredState } from '@dimmer/schema/rest';
import { describe, expect, test } from 'vitest';
import { patchConfiguration, putConfiguration } from '../flags/configuration-edits.ts';
import { archiveFlag, createFlag } from '../flags/flag-edits.ts';
import { killFlag } from '../flags/kill-edits.ts';
import { createSegment } from '../segments/segment-edits.ts';
import { declaredEdit, declaredWarnings, locateInDeclared } from './declare.ts';
import type { Edit } from './edit.ts';
import {
  accept,
  configurationInput,
  flagInput,
  projectWith,
  refuse,
  segmentInput,
  split,
} from './project.arbitrary.ts';

const configuration = { enabled: true, offVariation: 'off', fallthrough: split(10) };

function declare(declared: object): Edit {
  return declaredEdit('production', DeclaredState.parse(declared));
}

const project = projectWith(
  createFlag(flagInput({ key: 'a' })),
  createFlag(flagInput({ key: 'b' })),
  createSegment('production', segmentInput({ key: 's' })),
);

describe('declaring an environment', () => {
  test('[C80] it becomes exactly that, in one revision', () => {
    const declared = {
      flags: [
        { key: 'a', tags: ['shop'], configuration },
        { key: 'c', configuration: { ...configuration, fallthrough: { variation: 'on' } } },
      ],
      segments: [{ key: 't', included: ['user-1'] }],
    };
    const { after, revisions } = accept(project, declare(declared));
    expect(revisions).toEqual({ production: 4, staging: 3, development: 3 });
    const production = after.environments.get('production');
    expect([...(production?.flags.keys() ?? [])].sort()).toEqual(['a', 'c']);
    expect([...(production?.segments.keys() ?? [])]).toEqual(['t']);
    expect(after.flags.get('a')).toMatchObject({ tags: ['shop'], version: 2 });
  });

  test('[C81] declaring the same again changes nothing: seeds and ranges are kept', () => {
    const edit = declare({ flags: [{ key: 'a', configuration }], segments: [{ key: 's' }] });
    const { after } = accept(project, edit);
    expect(accept(after, edit).changed).toBe(false);
  });

  test('[C81] other weights are planned from where the rollout is', () => {
    const first = accept(project, declare({ flags: [{ key: 'a', configuration }] })).after;
    const more = { ...configuration, fallthrough: split(30) };
    const { after } = accept(first, declare({ flags: [{ key: 'a', configuration: more }] }));
    const back = accept(after, declare({ flags: [{ key: 'a', configuration }] })).after;
    expect(back.environments.get('production')?.flags.get('a')?.configuration).toEqual(
      first.environments.get('production')?.flags.get('a')?.configuration,
    );
  });

  test('[C82] what is left out leaves this environment and no other', () => {
    const { after, commits } = accept(project, declare({ flags: [{ key: 'a', configuration }] }));
    expect(after.flags.get('b')?.archivedAt).toBeNull();
    expect(after.environments.get('staging')?.flags.has('b')).toBe(true);
    const gone = commits[0]?.objects.filter(({ definition }) => definition === null);
    expect(gone?.map(({ kind, key }) => `${kind}/${key}`).sort()).toEqual(['flag/b', 'segment/s']);
  });

  test('[C83] kills stay, and a kill that leaves with its flag is reported', () => {
    const killed = projectWith(
      createFlag(flagInput({ key: 'a' })),
      createFlag(flagInput({ key: 'b' })),
      killFlag('production', 'a', { reason: 'x' }),
      killFlag('production', 'b', { reason: 'x' }),
    );
    const outcome = accept(killed, declare({ flags: [{ key: 'a', configuration }] }), {
      warnings: declaredWarnings('production'),
    });
    expect(outcome.after.environments.get('production')?.flags.get('a')?.kill?.reason).toBe('x');
    expect(outcome.warnings).toMatchObject([{ flag: 'b', rule: 'KILL_DROPPED' }]);
  });

  test('[C84] archived flags are not brought back, and their configurations are left alone', () => {
    const state = accept(project, archiveFlag('b')).after;
    const rejection = refuse(state, declare({ flags: [{ key: 'b', configuration }] }));
    expect(rejection).toMatchObject({ code: 'FLAG_ARCHIVED', issues: [{ path: '$.flags[0]' }] });
    const { after } = accept(state, declare({ flags: [] }));
    expect([...(after.environments.get('production')?.flags.keys() ?? [])]).toEqual(['b']);
  });

  test('[C86] a variation can go with the configuration that used it, unless another environment uses it', () => {
    const variations = { on: { value: true } };
    const serve = { enabled: true, offVariation: null, fallthrough: { variation: 'on' } };
    const edit = declare({ flags: [{ key: 'a', variations, configuration: serve }] });
    const rejection = refuse(project, edit);
    expect(rejection).toMatchObject({ code: 'IN_USE', issues: [{ path: '$.flags[0]' }] });
    expect(rejection.detail).not.toContain('"production"');
    const freed = ['staging', 'development'].reduce(
      (state, key) => accept(state, patchConfiguration(key, 'a', { offVariation: null })).after,
      project,
    );
    accept(freed, edit);
  });
});

describe('faults in a declaration', () => {
  test.each([
    [{ flags: [{ key: 'a', type: 'string', configuration }] }, '$.flags[0].type', 'type-fixed'],
    [
      { flags: [{ key: 'a', configuration: { ...configuration, offVariation: 'x' } }] },
      '$.flags[0].configuration.offVariation',
      'unknown-variation',
    ],
    [
      {
        flags: [
          { key: 'x', configuration },
          { key: 'X', configuration },
        ],
      },
      '$.flags[1].key',
      'repeated-key',
    ],
    [{ segments: [{ key: 'x' }, { key: 'x' }] }, '$.segments[1].key', 'repeated-key'],
    [
      { segments: [{ key: 'x', included: ['u'], excluded: ['u'] }] },
      '$.segments[0].excluded[0]',
      'included-and-excluded',
    ],
    [{ flags: [{ key: 'A', configuration }] }, '$.flags[0]', 'key-exists'],
  ])('[C85] %j is refused at its place', (declared, path, rule) => {
    expect(refuse(project, declare(declared)).issues).toMatchObject([{ path, rule }]);
  });

  test('[C85] what the whole breaks is found where the declaration gives it', () => {
    const prerequisites = [{ flag: 'b', variation: 'on' }];
    const declared = DeclaredState.parse({
      flags: [{ key: 'a', configuration: { ...configuration, prerequisites } }],
    });
    const rejection = refuse(project, declaredEdit('production', declared), {
      locate: locateInDeclared(declared),
    });
    expect(rejection.issues).toMatchObject([{ path: '$.flags[0].configuration.prerequisites[0].flag' }]);
  });

  test('[C85] a flag that stays and waits for one that is left out is named', () => {
    const waiting = configurationInput({ prerequisites: [{ flag: 'b', variation: 'on' }] });
    const state = accept(project, putConfiguration('production', 'a', waiting)).after;
    const rejection = refuse(state, declare({ flags: [{ key: 'a', configuration: waiting }] }));
    expect(rejection.detail).toContain('would break flag "a"');
  });
});
