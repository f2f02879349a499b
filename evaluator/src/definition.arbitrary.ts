import type {
  Condition,
  FlagDefinition,
  Operator,
  Prerequisite,
  RuleDefinition,
  SegmentDefinition,
  ServeDefinition,
  WireObject,
} from '@dimmer/schema';
import { BUCKETING_ALGORITHM, OPERATORS } from '@dimmer/schema';
import * as fc from 'fast-check';
import { ATTRIBUTES, attributeValues } from './context.arbitrary.ts';
import { planRanges } from './plan-ranges.ts';
import { weightsOver } from './weights.arbitrary.ts';

const VARIATIONS = ['on', 'off', 'half'];
const FLAGS = ['alpha', 'beta', 'gamma', 'delta'];
const SEGMENTS = ['nordics', 'staff', 'testers'];

const variations = fc.constantFrom(...VARIATIONS);
const attributes = fc.constantFrom(...ATTRIBUTES);

/** Values that an operator can compare with. */
const soundValues: Readonly<Record<Operator, readonly (string | number | boolean)[]>> = {
  in: ['NO', 'SE', 'pro', 1, 2, true, ''],
  startsWith: ['N', 'p', ''],
  endsWith: ['O', 'ro'],
  contains: ['ser', 'E'],
  matches: ['^N', '(a+)+$', '\\d'],
  lt: [0, 2],
  lte: [0, 2],
  gt: [0, 2],
  gte: [0, 2],
  before: ['2026-11-21T09:30:00Z', 1],
  after: ['2026-11-21T09:30:00Z', 1],
  semverLt: ['2.0.0', '1.2.3'],
  semverLte: ['2.0.0', '1.2.3'],
  semverGt: ['1.0.0', '1.2.3'],
  semverGte: ['1.0.0', '1.2.3'],
  semverEq: ['1.2.3', '2.0.0-rc.1'],
  exists: [],
  inCidr: ['10.0.0.0/8', '::/0'],
};

const soundTests: fc.Arbitrary<Condition> = fc
  .tuple(attributes, fc.constantFrom(...OPERATORS))
  .chain(([attribute, op]) => {
    const values = fc.subarray([...soundValues[op]]);
    return values.map((chosen) => ({ attribute, op, ...(op !== 'exists' && { values: chosen }) }));
  });

/** Now and then without values, or with values that the operator refuses. */
const anyTests: fc.Arbitrary<Condition> = fc.record(
  {
    attribute: attributes,
    op: fc.constantFrom(...OPERATORS),
    values: fc.array(attributeValues, { maxLength: 4 }),
  },
  { requiredKeys: ['attribute', 'op'] },
);

/** Conditions of every kind; a few have a defect, or name a segment that is absent. */
const conditions: fc.Arbitrary<Condition> = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3 },
    { weight: 30, arbitrary: soundTests },
    { weight: 1, arbitrary: anyTests },
    { weight: 1, arbitrary: fc.record({ segment: fc.constantFrom(...SEGMENTS) }) },
    { weight: 5, arbitrary: fc.record({ segment: fc.constant('nordics') }) },
    { weight: 5, arbitrary: fc.record({ all: fc.array(tie('condition'), { maxLength: 4 }) }) },
    { weight: 5, arbitrary: fc.record({ any: fc.array(tie('condition'), { maxLength: 4 }) }) },
    { weight: 5, arbitrary: fc.record({ not: tie('condition') }) },
  ),
})).condition;

/** One variation, or a split by planned ranges. */
const serves: fc.Arbitrary<ServeDefinition> = fc.oneof(
  fc.record({ variation: variations }),
  fc.record({
    rollout: fc.record({
      by: attributes,
      algorithm: fc.constant(BUCKETING_ALGORITHM),
      seed: fc.integer({ min: 0, max: 0xffff_ffff }),
      ranges: weightsOver(VARIATIONS).map((weights) => planRanges(weights)),
    }),
  }),
);

const rules: fc.Arbitrary<RuleDefinition[]> = fc
  .array(fc.record({ when: conditions, serve: serves }), { maxLength: 3 })
  .map((list) => list.map((rule, index) => ({ id: `rule-${index}`, ...rule })));

const subjects = fc.array(fc.constantFrom('user-1', 'NO', '1', ''), { maxLength: 3 });

/** Mostly of flags that come later, so that circles are there but rare. */
function prerequisitesOf(key: string): fc.Arbitrary<Prerequisite[]> {
  const later = FLAGS.slice(FLAGS.indexOf(key) + 1);
  const among = (flags: readonly string[]): fc.Arbitrary<Prerequisite[]> =>
    fc
      .subarray([...flags], { maxLength: Math.min(2, flags.length) })
      .chain((chosen) =>
        fc.tuple(...chosen.map((flag) => fc.record({ flag: fc.constant(flag), variation: variations }))),
      );
  return fc.oneof({ weight: 15, arbitrary: among(later) }, { weight: 1, arbitrary: among(FLAGS) });
}

/** Flags that a server could send: most are sound, some have a defect. */
function flagsOf(key: string): fc.Arbitrary<FlagDefinition> {
  return fc
    .record({
      enabled: fc.integer({ min: 0, max: 9 }).map((number) => number > 0),
      killed: fc.integer({ min: 0, max: 9 }).map((number) => number === 0),
      offVariation: fc.option(variations),
      prerequisites: prerequisitesOf(key),
      targets: fc.array(fc.record({ variation: variations, by: attributes, values: subjects }), {
        maxLength: 3,
      }),
      rules,
      fallthrough: serves,
    })
    .map(({ killed, ...definition }) => ({
      kind: 'flag',
      key,
      version: 7,
      type: 'string',
      variations: { on: { value: 'on' }, off: { value: 'off' }, half: { value: 'half' } },
      ...(killed && { killed }),
      ...definition,
    }));
}

function segmentsOf(key: string, tests: fc.Arbitrary<Condition>): fc.Arbitrary<SegmentDefinition> {
  return fc.record({
    kind: fc.constant('segment' as const),
    key: fc.constant(key),
    version: fc.constant(3),
    by: attributes,
    included: subjects,
    excluded: subjects,
    when: fc.option(tests),
  });
}

/** All objects of one environment: flags and segments that name each other, sometimes in circles. */
export const environments: fc.Arbitrary<WireObject[]> = fc.tuple(
  ...FLAGS.map(flagsOf),
  segmentsOf('nordics', soundTests),
  segmentsOf('staff', conditions),
);
