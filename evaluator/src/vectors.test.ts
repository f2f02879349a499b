import { readFileSync } from 'node:fs';
import type { BucketRange, Evaluation, EvaluationContext, WireObject } from '@dimmer/schema';
import { expect, test } from 'vitest';
import { bucketOf } from './bucket.ts';
import { hashText } from './hash.ts';
import { planRanges } from './plan-ranges.ts';
import { buildRuleset, evaluate } from './ruleset.ts';
import { subjectReaderOf } from './subject.ts';

interface EvaluationGroup {
  readonly rule: string;
  readonly title: string;
  readonly objects: readonly WireObject[];
  readonly cases: readonly {
    readonly flag: string;
    readonly context: EvaluationContext;
    readonly expected: Evaluation;
  }[];
}

interface BucketCase {
  readonly value: string | number;
  readonly seed: number;
  readonly hash: number;
  readonly bucket: number;
}

interface RangesCase {
  readonly rule: string;
  readonly weights: Readonly<Record<string, number>>;
  readonly previous?: readonly BucketRange[];
  readonly ranges: readonly BucketRange[];
}

for (const { rule, title, objects, cases } of read<{ groups: EvaluationGroup[] }>('evaluation').groups) {
  test(`[${rule}] ${title}`, () => {
    const ruleset = buildRuleset(objects);
    for (const { flag, context, expected } of cases) {
      const { slot: _, ...answer } = evaluate(ruleset, flag, context);
      expect(withoutUndefined(answer), `${flag} for ${JSON.stringify(context)}`).toEqual(expected);
    }
  });
}

for (const { value, seed, hash, bucket } of read<{ cases: BucketCase[] }>('bucketing').cases) {
  test(`[E50] ${JSON.stringify(value)} with seed ${seed} falls into bucket ${bucket}`, () => {
    const subject = subjectReaderOf('value')({ value }) ?? '';
    expect({ hash: hashText(subject, seed), bucket: bucketOf(subject, seed) }).toEqual({ hash, bucket });
  });
}

for (const [index, { rule, weights, previous, ranges }] of read<{ cases: RangesCase[] }>(
  'ranges',
).cases.entries()) {
  test(`[${rule}] vector ${index}: ${JSON.stringify(weights)} is planned as recorded`, () => {
    expect(planRanges(weights, previous)).toEqual(ranges);
  });
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../schema/vectors/${name}.json`, import.meta.url), 'utf8')) as T;
}

/** JSON cannot say `undefined`: in the vectors, no value is an absent one. */
function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
