import type { Edit as AskedEdit } from '@dimmer/schema/rest';
import { ChangeSetInput } from '@dimmer/schema/rest';
import { expect, test } from 'vitest';
import { createFlag } from '../flags/flag-edits.ts';
import { locateInEdits } from './change-set.ts';
import {
  accept,
  changeSet,
  configurationInput,
  flagInput,
  projectWith,
  refuse,
} from './project.arbitrary.ts';

const project = projectWith(createFlag(flagInput({ key: 'a' })), createFlag(flagInput({ key: 'old' })));
const configuration = configurationInput({
  rules: [{ id: 'r', when: { segment: 'beta' }, serve: { variation: 'on' } }],
  prerequisites: [{ flag: 'a', variation: 'on' }],
});

function asked(...edits: object[]): AskedEdit[] {
  return ChangeSetInput.parse({ edits }).edits;
}

test('[C70] edits of every kind are one revision, and each sees what the ones before it did', () => {
  const edits = asked(
    { edit: 'putConfiguration', flag: 'a', configuration: configurationInput() },
    { edit: 'createFlag', flag: { key: 'b' } },
    { edit: 'createSegment', segment: { key: 'beta' } },
    { edit: 'patchSegment', key: 'beta', patch: { included: ['user-1'] } },
    { edit: 'createSegment', segment: { key: 'temporary' } },
    { edit: 'deleteSegment', key: 'temporary' },
    { edit: 'putConfiguration', flag: 'b', configuration },
    { edit: 'patchConfiguration', flag: 'b', patch: { offVariation: null } },
    { edit: 'patchFlag', key: 'b', patch: { name: 'B' } },
    { edit: 'kill', flag: 'b', reason: 'not yet' },
    { edit: 'kill', flag: 'a', reason: 'by mistake' },
    { edit: 'restore', flag: 'a' },
    { edit: 'archiveFlag', key: 'old' },
  );
  const { revisions, commits } = accept(project, changeSet('production', edits));
  expect(revisions).toEqual({ production: 3, staging: 3, development: 3 });
  const production = commits.find(({ environment }) => environment === 'production');
  expect(production?.kill).toBe(true);
  expect(production?.objects.map(({ key, definition }) => [key, definition !== null]).sort()).toEqual([
    ['a', true],
    ['b', true],
    ['beta', true],
    ['old', false],
  ]);
});

test('[C71] one edit that is refused refuses all, and is named', () => {
  const edits = asked(
    { edit: 'createFlag', flag: { key: 'b' } },
    { edit: 'patchConfiguration', flag: 'b', patch: { offVariation: 'x' } },
  );
  const rejection = refuse(project, changeSet('production', edits));
  expect(rejection).toMatchObject({
    code: 'RULE_VIOLATED',
    issues: [{ path: '$.edits[1].patch.offVariation', rule: 'unknown-variation' }],
  });
  expect(rejection.detail).toMatch(/^\$\.edits\[1\]/);
});

test('[C71] a rejection without issues gets one that names the edit', () => {
  const rejection = refuse(project, changeSet('production', asked({ edit: 'archiveFlag', key: 'x' })));
  expect(rejection).toMatchObject({
    code: 'FLAG_NOT_FOUND',
    issues: [{ path: '$.edits[0]', rule: 'flag-not-found' }],
  });
});

test('[C71] what the whole breaks is found where the last edit of the object gives it', () => {
  const edits = asked(
    { edit: 'patchConfiguration', flag: 'a', patch: { enabled: true } },
    {
      edit: 'putConfiguration',
      flag: 'a',
      configuration: configurationInput({ rules: configuration.rules }),
    },
  );
  const rejection = refuse(project, changeSet('production', edits), { locate: locateInEdits(edits) });
  expect(rejection.issues).toMatchObject([
    { path: '$.edits[1].configuration.rules[0].when.segment', rule: 'unknown-segment' },
  ]);
});
