import { DeclaredState } from '@dimmer/schema/rest';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { patchConfiguration, putConfiguration } from '../flags/configuration-edits.ts';
import { servedFlag, servedFlags } from '../flags/find-flag.ts';
import { archiveFlag, createFlag, patchFlag } from '../flags/flag-edits.ts';
import { killFlag, restoreFlag } from '../flags/kill-edits.ts';
import { createSegment, deleteSegment, patchSegment } from '../segments/segment-edits.ts';
import type { CommitOutcome } from './commit.ts';
import { declaredEdit } from './declare.ts';
import { diffOf } from './diff.ts';
import type { Edit } from './edit.ts';
import { arbitraryEdit, EDITED_FLAGS } from './edits.arbitrary.ts';
import {
  changeSet,
  configurationInput,
  flagInput,
  isoOf,
  NOW,
  segmentInput,
  split,
} from './project.arbitrary.ts';
import type { Result } from './result.ts';
import { type RevertOptions, revertEdit, revertWarnings, stillAt } from './revert.ts';
import { type StoredProject, storedProject } from './stored-project.arbitrary.ts';

const put = (key: string, fields: object): Edit =>
  putConfiguration('production', key, configurationInput({ ...fields }));

const enable = (key: string, enabled: boolean): Edit => patchConfiguration('production', key, { enabled });

/** Revision 1: flag a; 2: flag b; 3: a at 10 %; 4: segment s. */
async function history(): Promise<StoredProject> {
  const project = await storedProject();
  await apply(
    project,
    createFlag(flagInput({ key: 'a' })),
    createFlag(flagInput({ key: 'b' })),
    put('a', { fallthrough: split(10) }),
    createSegment('production', segmentInput({ key: 's', included: ['user-1'] })),
  );
  return project;
}

async function apply(project: StoredProject, ...edits: Edit[]): Promise<void> {
  for (const edit of edits) accepted(await project.commit(edit));
}

async function revert(
  project: StoredProject,
  to: number,
  options: Partial<RevertOptions> = {},
): Promise<Result<CommitOutcome>> {
  const differences = await project.differencesAt(to);
  const full = { to, includeKills: false, ...options };
  return project.commit(revertEdit('production', differences, full), {
    warnings: revertWarnings('production', differences, full),
  });
}

function accepted<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.rejection.code}: ${result.rejection.detail}`);
  return result.value;
}

async function placeOf(project: StoredProject, key: string) {
  return (await project.state()).environments.get('production')?.flags.get(key);
}

describe('going back', () => {
  test('[C90] configurations and segments are what they were, with seeds and ranges, in one new revision', async () => {
    const project = await history();
    const then = (await placeOf(project, 'a'))?.configuration;
    await apply(
      project,
      put('a', { fallthrough: split(60) }),
      put('a', { fallthrough: { variation: 'off' } }),
      patchSegment('production', 's', { included: [] }),
      deleteSegment('production', 's'),
    );
    const outcome = accepted(await revert(project, 4));
    expect(outcome.revisions).toEqual({ production: 9 });
    expect((await placeOf(project, 'a'))?.configuration).toEqual(then);
    const segment = (await project.state()).environments.get('production')?.segments.get('s');
    expect(segment).toMatchObject({ segment: { included: ['user-1'] }, version: 9 });
  });

  test('[C90] other environments stay as they are', async () => {
    const project = await history();
    await apply(project, patchConfiguration('staging', 'a', { enabled: true }), put('a', { enabled: false }));
    expect(accepted(await revert(project, 4)).revisions).toEqual({ production: 6 });
    const staging = (await project.state()).environments.get('staging')?.flags.get('a');
    expect(staging?.configuration.enabled).toBe(true);
  });

  test('[C90] going back to where one is changes nothing', async () => {
    expect(accepted(await revert(await history(), 4)).changed).toBe(false);
  });

  test('[C91] kills stay as they are now unless asked for', async () => {
    const project = await history();
    await apply(project, put('a', { enabled: false }), killFlag('production', 'a', { reason: 'x' }));
    accepted(await revert(project, 4));
    expect((await placeOf(project, 'a'))?.kill?.reason).toBe('x');
    accepted(await revert(project, 4, { includeKills: true }));
    expect((await placeOf(project, 'a'))?.kill).toBeNull();
    accepted(await revert(project, 6, { includeKills: true }));
    expect((await placeOf(project, 'a'))?.kill?.reason).toBe('x');
  });

  test('[C91] a kill that would have expired does not come back', async () => {
    const project = await history();
    await apply(
      project,
      killFlag('production', 'a', { reason: 'x', expiresAt: isoOf(NOW + 1000) }),
      restoreFlag('production', 'a'),
    );
    project.clock.ms = NOW + 2000;
    expect(accepted(await revert(project, 5, { includeKills: true })).changed).toBe(false);
  });

  test('[C92] a flag that was not there then loses its configuration here, and a kill that goes too is reported', async () => {
    const project = await history();
    await apply(project, killFlag('production', 'b', { reason: 'x' }));
    const outcome = accepted(await revert(project, 1));
    expect(outcome.warnings).toMatchObject([{ flag: 'b', rule: 'KILL_DROPPED' }]);
    expect(await placeOf(project, 'b')).toBeUndefined();
    const state = await project.state();
    expect(state.flags.get('b')?.archivedAt).toBeNull();
    expect(state.environments.get('staging')?.flags.has('b')).toBe(true);
  });

  test('[C92] a flag that has left the environment comes back', async () => {
    const project = await history();
    const then = await placeOf(project, 'a');
    await apply(project, declaredEdit('production', DeclaredState.parse({})));
    accepted(await revert(project, 4));
    expect((await placeOf(project, 'a'))?.configuration).toEqual(then?.configuration);
  });

  test('[C92] a flag that left while it was killed comes back killed, with a warning, unless the kill has expired', async () => {
    const project = await history();
    await apply(
      project,
      killFlag('production', 'a', { reason: 'x' }),
      killFlag('production', 'b', { reason: 'y', expiresAt: isoOf(NOW + 1000) }),
      declaredEdit('production', DeclaredState.parse({})),
    );
    project.clock.ms = NOW + 2000;
    const outcome = accepted(await revert(project, 6));
    expect(outcome.warnings).toMatchObject([{ flag: 'a', rule: 'KILL_RETURNED' }]);
    expect((await placeOf(project, 'a'))?.kill?.reason).toBe('x');
    expect((await placeOf(project, 'b'))?.kill).toBeNull();
  });

  test('[C93] a flag that was archived since stays archived, with a warning', async () => {
    const project = await history();
    await apply(project, put('a', { enabled: false }), archiveFlag('a'));
    const outcome = accepted(await revert(project, 4));
    expect(outcome).toMatchObject({ changed: false, warnings: [{ flag: 'a', rule: 'FLAG_ARCHIVED' }] });
  });

  test('[C98] a key that was taken over since is another flag, and stays as it is', async () => {
    const project = await history();
    await apply(project, archiveFlag('a'));
    project.clock.ms = NOW + 1000;
    await apply(project, createFlag(flagInput({ key: 'a', reuseArchivedKey: true })));
    const outcome = accepted(await revert(project, 4));
    expect(outcome).toMatchObject({ changed: false, warnings: [{ flag: 'a', rule: 'KEY_REUSED' }] });
  });

  test('[C94] a variation that is gone is named together with its flag', async () => {
    const project = await history();
    const lighter = { on: { value: true } };
    const without = { offVariation: null };
    await apply(
      project,
      put('a', { ...without, fallthrough: { variation: 'on' } }),
      patchConfiguration('staging', 'a', without),
      patchConfiguration('development', 'a', without),
      patchFlag('a', { variations: lighter }),
    );
    const result = await revert(project, 4);
    expect(result).toMatchObject({
      ok: false,
      rejection: { code: 'RULE_VIOLATED', issues: [{ path: '$.to', rule: 'unknown-variation' }] },
    });
    expect(result.ok ? '' : result.rejection.detail).toContain('flag "a" that serves "off"');
  });

  test('[C95] values that were changed since are reported', async () => {
    const project = await storedProject();
    const values = (big: number) => ({ small: { value: 1 }, big: { value: big } });
    const limit = createFlag(flagInput({ key: 'limit', type: 'number', variations: values(10) }));
    await apply(project, limit, put('limit', { offVariation: 'small', fallthrough: { variation: 'big' } }));
    await apply(
      project,
      patchFlag('limit', { variations: values(20) }),
      put('limit', { offVariation: null, fallthrough: { variation: 'small' } }),
    );
    const outcome = accepted(await revert(project, 2));
    expect(outcome.warnings).toMatchObject([{ flag: 'limit', rule: 'VARIATIONS_CHANGED' }]);
    expect((await project.state()).flags.get('limit')?.variations['big']).toEqual({ value: 20 });
  });

  test('[C96] with flags named, only they go back, and no segment', async () => {
    const project = await history();
    await apply(project, put('a', { enabled: false }), put('b', {}), deleteSegment('production', 's'));
    const outcome = accepted(await revert(project, 4, { flags: ['a'] }));
    expect(outcome.commits[0]?.objects.map(({ key }) => key)).toEqual(['a']);
    expect(await revert(project, 4, { flags: ['x'] })).toMatchObject({
      rejection: { code: 'FLAG_NOT_FOUND' },
    });
  });

  test('[C97] an environment that has moved on since its history was read is refused', async () => {
    const state = await (await history()).state();
    expect(stillAt('production', 4)(state).ok).toBe(true);
    expect(stillAt('production', 3)(state)).toMatchObject({ rejection: { code: 'UNAVAILABLE' } });
  });
});

/** Anything that changes a project: edits, keys that are taken over, and declarations by which flags leave. */
const arbitraryStep = fc.oneof(
  { weight: 6, arbitrary: arbitraryEdit().map((asked) => changeSet('production', [asked])) },
  fc.constantFrom(...EDITED_FLAGS).map((key) =>
    changeSet('production', [
      { edit: 'archiveFlag', key },
      { edit: 'createFlag', flag: flagInput({ key, reuseArchivedKey: true }) },
    ]),
  ),
  fc.subarray([...EDITED_FLAGS]).map((keys) => {
    const flags = keys.map((key) => ({ key, type: 'boolean', configuration: configurationInput() }));
    return declaredEdit('production', DeclaredState.parse({ flags }));
  }),
);

/** Production as it has to be after a revert from `now` to `then`: by key, what is served. */
function expectedFlags(
  then: ProjectState,
  now: ProjectState,
  { flags, includeKills }: RevertOptions,
  takenOver: ReadonlySet<string>,
) {
  return EDITED_FLAGS.map((key) => {
    const wasServed = servedFlag(then, production(then), key);
    const flag = now.flags.get(key);
    const place = production(now).flags.get(key);
    const isNamed = flags === undefined || flags.includes(key);
    if (flag?.archivedAt !== null || takenOver.has(key) || !isNamed) {
      return place && { configuration: place.configuration, kill: place.kill };
    }
    if (wasServed === undefined) return undefined;
    const { configuration, kill } = wasServed.place;
    return { configuration, kill: includeKills || place === undefined ? kill : place.kill };
  });
}

function actualFlags(state: ProjectState) {
  return EDITED_FLAGS.map((key) => {
    const place = production(state).flags.get(key);
    return place && { configuration: place.configuration, kill: place.kill };
  });
}

/** Whether a flag of then cannot be brought back whole: it is archived, another one, or lacks a variation. */
function isHeldBack(then: ProjectState, now: ProjectState): boolean {
  return [...servedFlags(then, production(then))].some(({ flag }) => {
    const current = now.flags.get(flag.key);
    if (current?.archivedAt !== null || current.createdAt !== flag.createdAt) return true;
    return Object.keys(flag.variations).some((name) => !Object.hasOwn(current.variations, name));
  });
}

function production(state: ProjectState): EnvironmentState {
  const environment = state.environments.get('production');
  if (environment === undefined) throw new Error('no environment');
  return environment;
}

function segmentsIn(state: ProjectState) {
  return new Map([...production(state).segments].map(([key, { segment }]) => [key, segment]));
}

test('[C90] [C91] [C92] [C93] [C98] whatever happened meanwhile, a revert gives what was served then, and holds back only what it says', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryStep, { minLength: 1, maxLength: 20 }),
      fc.nat(),
      fc.boolean(),
      fc.option(fc.subarray([...EDITED_FLAGS], { minLength: 1 }), { nil: undefined }),
      async (steps, pick, includeKills, flags) => {
        const project = await storedProject();
        for (const key of EDITED_FLAGS) await apply(project, createFlag(flagInput({ key })));
        const moments = [await project.state()];
        for (const step of steps) {
          project.clock.ms += 1000;
          await project.commit(step);
          const state = await project.state();
          const last = moments.at(-1);
          if (last === undefined || production(state).revision > production(last).revision)
            moments.push(state);
        }
        const then = moments[pick % moments.length];
        if (then === undefined) throw new Error('no moment');
        const now = await project.state();
        const options = { to: production(then).revision, includeKills, flags };
        const result = await revert(project, options.to, options);
        const after = await project.state();
        if (!result.ok) {
          expect(result.rejection.code).toBe('RULE_VIOLATED');
          expect(isHeldBack(then, now) || flags !== undefined || isHeldBack(now, then)).toBe(true);
          expect(after).toBe(now);
          return;
        }
        const reused = result.value.warnings.filter(({ rule }) => rule === 'KEY_REUSED');
        const takenOver = new Set(reused.map(({ flag }) => flag));
        for (const key of takenOver) {
          expect(now.flags.get(key)?.createdAt).not.toBe(then.flags.get(key)?.createdAt);
        }
        expect(actualFlags(after)).toEqual(expectedFlags(then, now, options, takenOver));
        expect(segmentsIn(after)).toEqual(segmentsIn(flags === undefined ? then : now));
        expect(after.flags).toEqual(now.flags);
        const again = await revert(project, options.to, options);
        expect(again).toMatchObject({ ok: true, value: { changed: false } });
      },
    ),
    { numRuns: 300 },
  );
});

describe('comparing revisions', () => {
  test('[C99] a diff has what differs between two revisions, and nothing that came and went', async () => {
    const project = await history();
    await apply(project, enable('a', false), put('b', {}), enable('a', true));
    const [state, from, to] = [
      await project.state(),
      await project.differencesAt(3),
      await project.differencesAt(6),
    ];
    const production = state.environments.get('production');
    if (production === undefined) throw new Error('no environment');
    expect(diffOf(state, production, from, to)).toMatchObject([
      { kind: 'flag', key: 'a', before: { enabled: true }, after: { enabled: false } },
      { kind: 'flag', key: 'b', before: { enabled: false }, after: { enabled: true } },
      { kind: 'segment', key: 's', before: null, after: { included: ['user-1'] } },
    ]);
    expect(diffOf(state, production, from, []).map(({ key }) => key)).toEqual(['b', 's']);
    expect(diffOf(state, production, to, to)).toEqual([]);
  });
});
