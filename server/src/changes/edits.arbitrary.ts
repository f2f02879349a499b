import type { Condition } from '@dimmer/schema';
import type { Edit as AskedEdit } from '@dimmer/schema/rest';
import { Edit as EditSchema } from '@dimmer/schema/rest';
import fc from 'fast-check';

/**
 * One edit of a change set, as a caller may ask for it: of few flags and segments, so that edits meet, and often
 * one that the rules refuse.
 */
export function arbitraryEdit(): fc.Arbitrary<AskedEdit> {
  return fc.oneof({ weight: 3, arbitrary: configurationEdit() }, segmentEdit(), killEdit(), flagEdit());
}

/** Edits that touch neither flags themselves nor archives: what a revert brings back exactly. */
export function arbitraryEnvironmentEdit(): fc.Arbitrary<AskedEdit> {
  return fc.oneof({ weight: 3, arbitrary: configurationEdit() }, segmentEdit(), killEdit());
}

/** The keys that edits are about. */
export const EDITED_FLAGS = ['a', 'b', 'c', 'd'] as const;

const flagKey = fc.constantFrom(...EDITED_FLAGS);
const segmentKey = fc.constantFrom('s', 't', 'u');
const variation = fc.constantFrom('on', 'off', 'on', 'off', 'extra');

const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 2 },
    fc.constantFrom<Condition>(
      { attribute: 'country', op: 'in', values: ['NO', 'SE'] },
      { attribute: 'email', op: 'matches', values: ['@example\\.com$'] },
      { attribute: 'email', op: 'matches', values: ['(?<=x)y'] },
      { attribute: 'version', op: 'semverGte', values: ['1.2.3'] },
    ),
    segmentKey.map((segment): Condition => ({ segment })),
    tie('condition').map((not): Condition => ({ not })),
    fc.array(tie('condition'), { maxLength: 2 }).map((all): Condition => ({ all })),
  ),
}));

const weights = fc
  .integer({ min: 0, max: 100_000 })
  .map((on) => ({ on: on / 1000, off: (100_000 - on) / 1000 }));
const serve = fc.oneof(
  variation.map((name) => ({ variation: name })),
  weights.map((split) => ({ rollout: { weights: split } })),
);

const fields = {
  enabled: fc.boolean(),
  offVariation: fc.option(variation),
  prerequisites: fc.array(fc.record({ flag: flagKey, variation }), { maxLength: 2 }),
  targets: fc.array(fc.record({ variation, values: fc.array(fc.constantFrom('user-1', 'user-2')) }), {
    maxLength: 1,
  }),
  rules: fc.array(fc.record({ id: fc.constantFrom('r1', 'r2', 'r3'), when: condition, serve }), {
    maxLength: 2,
  }),
  fallthrough: serve,
};

function configurationEdit(): fc.Arbitrary<AskedEdit> {
  return fc.oneof(
    asked({ edit: fc.constant('putConfiguration'), flag: flagKey, configuration: fc.record(fields) }),
    asked({
      edit: fc.constant('patchConfiguration'),
      flag: flagKey,
      patch: fc.record(fields, { requiredKeys: [] }),
    }),
  );
}

function segmentEdit(): fc.Arbitrary<AskedEdit> {
  const segment = {
    included: fc.subarray(['user-1', 'user-2', 'user-3']),
    excluded: fc.subarray(['user-3', 'user-4']),
    when: fc.option(condition),
  };
  return fc.oneof(
    asked({ edit: fc.constant('createSegment'), segment: fc.record({ key: segmentKey, ...segment }) }),
    asked({
      edit: fc.constant('patchSegment'),
      key: segmentKey,
      patch: fc.record(segment, { requiredKeys: [] }),
    }),
    asked({ edit: fc.constant('deleteSegment'), key: segmentKey }),
  );
}

function killEdit(): fc.Arbitrary<AskedEdit> {
  return fc.oneof(
    asked({ edit: fc.constant('kill'), flag: flagKey, reason: fc.constantFrom('x', 'y') }),
    asked({ edit: fc.constant('restore'), flag: flagKey }),
  );
}

function flagEdit(): fc.Arbitrary<AskedEdit> {
  const on = { on: { value: true } };
  const both = { ...on, off: { value: false } };
  return fc.oneof(
    asked({
      edit: fc.constant('createFlag'),
      flag: fc.record({ key: flagKey, reuseArchivedKey: fc.boolean() }),
    }),
    asked({
      edit: fc.constant('patchFlag'),
      key: flagKey,
      patch: fc.record(
        {
          archived: fc.boolean(),
          description: fc.constantFrom('', 'new'),
          exposeToClients: fc.boolean(),
          variations: fc.constantFrom(on, both, { ...both, extra: { value: true } }),
        },
        { requiredKeys: [] },
      ),
    }),
    asked({ edit: fc.constant('archiveFlag'), key: flagKey }),
  );
}

function asked(shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<AskedEdit> {
  return fc.record(shape).map((edit) => EditSchema.parse(edit));
}
