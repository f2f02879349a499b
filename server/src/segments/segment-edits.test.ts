import { SegmentReplacement } from '@dimmer/schema/rest';
import { expect, test } from 'vitest';
import {
  accept,
  configurationInput,
  flagInput,
  projectWith,
  refuse,
  segmentInput,
} from '../changes/project.arbitrary.ts';
import { putConfiguration } from '../flags/configuration-edits.ts';
import { archiveFlag, createFlag } from '../flags/flag-edits.ts';
import { createSegment, deleteSegment, patchSegment, putSegment } from './segment-edits.ts';

const beta = createSegment('production', segmentInput({ key: 'beta', included: ['user-1'] }));
const usesBeta = putConfiguration(
  'production',
  'checkout',
  configurationInput({
    rules: [{ id: 'r', when: { not: { any: [{ segment: 'beta' }] } }, serve: { variation: 'on' } }],
  }),
);
const checkout = createFlag(flagInput({ key: 'checkout' }));

test('[C40] a segment lives in one environment', () => {
  const { after, revisions, commits } = accept(projectWith(), beta);
  expect(revisions).toEqual({ production: 1 });
  expect(commits[0]?.objects[0]?.definition).toEqual({
    kind: 'segment',
    key: 'beta',
    version: 1,
    by: 'targetingKey',
    included: ['user-1'],
    excluded: [],
    when: null,
  });
  expect(after.environments.get('staging')?.segments.size).toBe(0);
});

test('[C40] a subject that is included and excluded is refused', () => {
  const patch = patchSegment('production', 'beta', { excluded: ['user-2', 'user-1'] });
  const rejection = refuse(projectWith(beta), patch);
  expect(rejection.issues).toMatchObject([{ path: '$.excluded[1]', rule: 'included-and-excluded' }]);
});

test('[C42] keys of segments are unique without regard to case', () => {
  const state = projectWith(beta);
  expect(refuse(state, createSegment('production', segmentInput({ key: 'Beta' }))).code).toBe('KEY_EXISTS');
  const replacement = SegmentReplacement.parse({});
  expect(refuse(state, putSegment('production', 'BETA', replacement)).code).toBe('KEY_EXISTS');
  expect(refuse(state, patchSegment('production', 'Beta', {})).code).toBe('SEGMENT_NOT_FOUND');
});

test('[C43] a PUT replaces everything but the name, which stays unless given', () => {
  const state = projectWith(
    createSegment('production', segmentInput({ key: 'beta', name: 'Early', included: ['u'] })),
  );
  const { after } = accept(
    state,
    putSegment('production', 'beta', SegmentReplacement.parse({ excluded: ['v'] })),
  );
  expect(after.environments.get('production')?.segments.get('beta')).toMatchObject({
    segment: { name: 'Early', included: [], excluded: ['v'] },
    version: 2,
  });
});

test('[C41] a segment stays while a rule or another segment asks about it', () => {
  const gamma = createSegment('production', segmentInput({ key: 'gamma', when: { segment: 'beta' } }));
  const rejection = refuse(projectWith(beta, gamma, checkout, usesBeta), deleteSegment('production', 'beta'));
  expect(rejection.code).toBe('IN_USE');
  expect(rejection.detail).toContain('rule "r" of flag "checkout", segment "gamma"');
});

test('[C41] a segment that only archived flags ask about can go', () => {
  const state = projectWith(beta, checkout, usesBeta, archiveFlag('checkout'));
  const { after, commits } = accept(state, deleteSegment('production', 'beta'));
  expect(commits[0]?.objects).toMatchObject([{ key: 'beta', after: null, definition: null }]);
  expect(after.environments.get('production')?.segments.size).toBe(0);
});
