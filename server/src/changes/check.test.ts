import type { Condition } from '@dimmer/schema';
import { LIMITS } from '@dimmer/schema';
import { expect, test } from 'vitest';
import { putConfiguration } from '../flags/configuration-edits.ts';
import { archiveFlag, createFlag, patchFlag } from '../flags/flag-edits.ts';
import { killFlag } from '../flags/kill-edits.ts';
import { createSegment, patchSegment } from '../segments/segment-edits.ts';
import type { Edit } from './edit.ts';
import { locateBy } from './locate.ts';
import {
  accept,
  configurationInput,
  flagInput,
  projectWith,
  refuse,
  segmentInput,
} from './project.arbitrary.ts';

const keys = Array.from({ length: 12 }, (_, index) => `f${index}`);
const project = projectWith(...keys.map((key) => createFlag(flagInput({ key }))));

const put = (key: string, fields: object): Edit =>
  putConfiguration('production', key, configurationInput({ ...fields }));
const waitFor = (key: string, prerequisite: string, variation = 'on'): Edit =>
  put(key, { prerequisites: [{ flag: prerequisite, variation }] });
const when = (condition: Condition) => ({
  rules: [{ id: 'r', when: condition, serve: { variation: 'on' } }],
});

test('[C61] a prerequisite that is not there, or has no such variation, is refused at its place', () => {
  expect(refuse(project, waitFor('f0', 'gone'))).toMatchObject({
    code: 'RULE_VIOLATED',
    issues: [{ path: '$.prerequisites[0].flag', rule: 'unknown-prerequisite' }],
  });
  expect(refuse(project, waitFor('f0', 'f1', 'maybe')).issues).toMatchObject([
    { path: '$.prerequisites[0].variation', rule: 'unknown-variation' },
  ]);
  expect(refuse(accept(project, archiveFlag('f1')).after, waitFor('f0', 'f1')).issues?.[0]?.rule).toBe(
    'unknown-prerequisite',
  );
});

test('[C61] a segment that is not there is refused at its place', () => {
  const nested = { all: [{ any: [] }, { not: { segment: 'gone' } }] };
  expect(refuse(project, put('f0', when(nested))).issues).toMatchObject([
    { path: '$.rules[0].when.all[1].not.segment', rule: 'unknown-segment' },
  ]);
});

test('[C60] values that the evaluator cannot read are refused at their place', () => {
  const conditions: Condition[] = [
    { attribute: 'a', op: 'matches', values: ['ok', '(?=x)'] },
    { attribute: 'a', op: 'semverLt', values: ['1.2.3', 'one'] },
    { attribute: 'a', op: 'before', values: [0, 'yesterday'] },
    { attribute: 'a', op: 'inCidr', values: ['10.0.0.0/8', '10.0.0.0/99'] },
  ];
  for (const condition of conditions) {
    expect(refuse(project, put('f0', when(condition))).issues).toMatchObject([
      { path: '$.rules[0].when.values[1]', rule: 'value-form' },
    ]);
    const segment = createSegment('production', segmentInput({ key: 's', when: condition }));
    expect(refuse(project, segment).issues).toMatchObject([{ path: '$.when.values[1]', rule: 'value-form' }]);
  }
});

test('[C62] a cycle of prerequisites is refused and named', () => {
  const state = accept(accept(project, waitFor('f0', 'f1')).after, waitFor('f1', 'f2')).after;
  const rejection = refuse(state, waitFor('f2', 'f0'));
  expect(rejection.issues).toMatchObject([{ path: '$.prerequisites', rule: 'prerequisite-cycle' }]);
  expect(rejection.detail).toContain('f2 -> f0 -> f1 -> f2');
});

test('[C62] a cycle of segments is refused and named', () => {
  const segment = (key: string, other: string) =>
    createSegment('production', segmentInput({ key, when: other === '' ? null : { segment: other } }));
  const state = accept(accept(project, segment('s', '')).after, segment('t', 's')).after;
  const rejection = refuse(state, patchSegment('production', 's', { when: { segment: 't' } }));
  expect(rejection.issues).toMatchObject([{ path: '$.when', rule: 'segment-cycle' }]);
  expect(rejection.detail).toContain('s -> t -> s');
});

test('[C63] a chain of prerequisites has at most ten flags, wherever it grows', () => {
  let state = project;
  for (let index = 0; index < 9; index += 1)
    state = accept(state, waitFor(`f${index}`, `f${index + 1}`)).after;
  const below = refuse(state, waitFor('f9', 'f10'));
  expect(below).toMatchObject({
    code: 'LIMIT_EXCEEDED',
    limit: { name: 'prerequisiteDepth', current: 11, maximum: LIMITS.prerequisiteDepth },
  });
  expect(below.detail).toContain('flag "f0"');
  const above = refuse(state, waitFor('f11', 'f0'));
  expect(above.issues).toMatchObject([{ path: '$.prerequisites', rule: 'prerequisiteDepth' }]);
});

test('[C63] a chain of segments has at most ten, wherever it grows', () => {
  const segment = (index: number, next: object | null): Edit =>
    createSegment('production', segmentInput({ key: `s${index}`, when: next }));
  let state = accept(project, segment(9, null)).after;
  for (let index = 8; index >= 0; index -= 1) {
    state = accept(state, segment(index, { segment: `s${index + 1}` })).after;
  }
  expect(refuse(state, segment(10, { segment: 's0' })).limit).toMatchObject({
    name: 'segmentDepth',
    current: 11,
  });
  const leaf = accept(state, segment(11, null)).after;
  const below = refuse(leaf, patchSegment('production', 's9', { when: { segment: 's11' } }));
  expect(below.detail).toContain('segment "s0"');
});

test('[C64] a change that breaks what depends on it is refused and names both', () => {
  const state = accept(project, waitFor('f0', 'f1')).after;
  const archive = (edited: Parameters<Edit>[0]): ReturnType<Edit> => {
    const flag = edited.flags.get('f1');
    if (flag === undefined) throw new Error('no flag');
    const archived = { ...flag, archivedAt: '2026-11-21T00:00:00.000Z' };
    return { ok: true, value: { ...edited, flags: new Map(edited.flags).set('f1', archived) } };
  };
  const rejection = refuse(state, archive);
  expect(rejection.issues).toMatchObject([{ path: '$', rule: 'unknown-prerequisite' }]);
  expect(rejection.detail).toContain(
    'would break flag "f0" in environment "production" at $.prerequisites[0].flag',
  );
});

test('[C65] the path of a fault starts where the body holds the object', () => {
  const locate = locateBy(new Map([['flag/f0', '$.edits[3].configuration']]));
  expect(refuse(project, waitFor('f0', 'gone'), { locate }).issues).toMatchObject([
    { path: '$.edits[3].configuration.prerequisites[0].flag' },
  ]);
});

test('[C65] a fault of an object that the body does not hold names it, and has no path of its own', () => {
  const rejection = refuse(project, waitFor('f0', 'gone'), { locate: () => undefined });
  expect(rejection.issues).toMatchObject([{ path: '$', rule: 'unknown-prerequisite' }]);
  expect(rejection.detail).toContain(
    'would break flag "f0" in environment "production" at $.prerequisites[0].flag',
  );
});

test('[C63] a flag that a kill made too large can leave', () => {
  const sized = (length: number) =>
    createFlag(flagInput({ key: 'big', type: 'string', variations: { on: { value: 'x'.repeat(length) } } }));
  const current = refuse(project, sized(LIMITS.flagBytes)).limit?.current ?? 0;
  const largest = accept(project, sized(2 * LIMITS.flagBytes - current)).after;
  const killed = accept(largest, killFlag('production', 'big', { reason: 'x' })).after;
  expect(refuse(killed, patchFlag('big', { exposeToClients: true })).limit?.name).toBe('flagBytes');
  accept(killed, archiveFlag('big'));
});

test('[C63] definitions have a size limit, with both figures', () => {
  const variations = { on: { value: 'x'.repeat(LIMITS.flagBytes) } };
  const rejection = refuse(project, createFlag(flagInput({ key: 'big', type: 'string', variations })));
  expect(rejection).toMatchObject({ code: 'LIMIT_EXCEEDED', limit: { name: 'flagBytes', maximum: 65_536 } });
  expect(rejection.limit?.current).toBeGreaterThan(65_536);
  const included = Array.from({ length: 600 }, (_, index) => `${index}`.padEnd(2000, 'x'));
  const segment = createSegment('production', segmentInput({ key: 's', included }));
  expect(refuse(project, segment).limit?.name).toBe('segmentBytes');
});

test('[C63] an environment has a size limit', () => {
  const included = Array.from({ length: 500 }, (_, index) => `${index}`.padEnd(2000, 'x'));
  const segments = Array.from({ length: 8 }, (_, index) =>
    createSegment('production', segmentInput({ key: `s${index}`, included })),
  );
  const state = projectWith(...segments);
  const rejection = refuse(state, createSegment('production', segmentInput({ key: 'more', included })));
  expect(rejection.limit?.name).toBe('snapshotBytes');
});

test('[C63] an environment has a limit of flags, archived ones not counted', () => {
  const [first] = project.flags.values();
  const place = project.environments.get('production')?.flags.get('f0');
  if (first === undefined || place === undefined) throw new Error('no flag');
  const names = Array.from({ length: LIMITS.flagsPerEnvironment }, (_, index) => `g${index}`);
  const environments = new Map(
    [...project.environments].map(([key, environment]) => [
      key,
      { ...environment, flags: new Map(names.map((name) => [name, place])) },
    ]),
  );
  const full = {
    ...project,
    flags: new Map(names.map((name) => [name, { ...first, key: name }])),
    environments,
  };
  const one = createFlag(flagInput({ key: 'more' }));
  expect(refuse(full, one).limit).toEqual({ name: 'flagsPerEnvironment', current: 5001, maximum: 5000 });
  accept(accept(full, archiveFlag('g7')).after, one);
  const more = { flags: new Map(full.flags), places: new Map(names.map((name) => [name, place])) };
  for (const key of ['f0', 'f1']) {
    more.flags.set(key, { ...first, key });
    more.places.set(key, place);
  }
  const crowded = [...environments].map(
    ([key, environment]) => [key, { ...environment, flags: more.places }] as const,
  );
  const beyond = { ...full, flags: more.flags, environments: new Map(crowded) };
  expect(refuse(beyond, one).limit?.current).toBe(5003);
  accept(beyond, archiveFlag('g7'));
});

test('[C61] a flag comes back from the archive only where its references still hold', () => {
  const state = accept(accept(project, waitFor('f0', 'f1')).after, archiveFlag('f0')).after;
  const lost = accept(state, archiveFlag('f1')).after;
  expect(refuse(lost, patchFlag('f0', { archived: false })).issues).toMatchObject([
    { path: '$.prerequisites[0].flag', rule: 'unknown-prerequisite' },
  ]);
});
