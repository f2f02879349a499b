import { OPERATORS } from '@dimmer/schema';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ValueTest } from './operators.ts';
import { operatorOf } from './operators.ts';

function testOf(name: string, values: readonly unknown[]): ValueTest {
  const compiled = operatorOf(name)?.(values);
  return typeof compiled === 'function' ? compiled : expect.fail(`${name} refuses ${String(values)}`);
}

const valued = OPERATORS.filter((name) => name !== 'exists');
const sound: Readonly<Record<string, readonly unknown[]>> = {
  in: ['NO', 7, true],
  startsWith: ['a'],
  endsWith: ['a'],
  contains: ['a'],
  matches: ['a+'],
  lt: [5],
  lte: [5],
  gt: [5],
  gte: [5],
  before: ['2026-11-21'],
  after: ['2026-11-21'],
  semverLt: ['1.2.3'],
  semverLte: ['1.2.3'],
  semverGt: ['1.2.3'],
  semverGte: ['1.2.3'],
  semverEq: ['1.2.3'],
  inCidr: ['10.0.0.0/8'],
};

for (const name of valued) {
  test(`[E23] ${name} is not satisfied by a type that it does not know, and never throws`, () => {
    const holds = testOf(name, sound[name] ?? []);
    for (const value of [undefined, null, {}, [], Symbol('a'), 7n, () => 1, Number.NaN, new Map()]) {
      expect(holds(value), String(value)).toBe(false);
    }
  });

  test(`[E25] ${name} holds for several values when it holds for one of them`, () => {
    const all = sound[name] ?? [];
    const samples = [
      'a',
      'aa',
      4,
      5,
      6,
      true,
      'NO',
      '1.2.3',
      '1.2.4',
      '1.0.0',
      '10.1.1.1',
      '2026-11-20',
      '2026-11-22',
    ];
    const many = testOf(name, [...all, ...all, ...all]);
    for (const sample of samples) {
      expect(many(sample)).toBe(all.some((value) => testOf(name, [value])(sample)));
    }
    expect(samples.some((sample) => testOf(name, [])(sample))).toBe(false);
  });

  test(`[E71] ${name} refuses a value that it cannot compare with, by its index`, () => {
    expect(operatorOf(name)?.([...(sound[name] ?? []), { not: 'plain' }])).toMatchObject({
      index: sound[name]?.length,
      message: expect.stringMatching(/^must be .+, not { not }$/),
    });
  });
}

test('[E26] in finds a value among many exactly when it is one of them', () => {
  const plain = fc.oneof(fc.string({ maxLength: 2 }), fc.integer({ min: -2, max: 2 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(plain, { maxLength: 6 }), plain, (values, value) => {
      expect(testOf('in', values)(value)).toBe(values.includes(value));
    }),
  );
});

test('[E28] a pattern that makes backtracking engines explode stays linear', () => {
  const matches = testOf('matches', ['(a+)+$']);
  const short = `${'a'.repeat(1_000)}!`;
  const long = `${'a'.repeat(10_000)}!`;
  const timeOf = (text: string): number => {
    let found = 0;
    const start = performance.now();
    for (let run = 0; run < 20; run += 1) found += matches(text) ? 1 : 0;
    const elapsed = performance.now() - start;
    expect(found).toBe(0);
    return elapsed / 20;
  };
  const best = (text: string): number => Math.min(...Array.from({ length: 10 }, () => timeOf(text)));
  best(long);
  expect(best(long)).toBeLessThan(Math.max(12 * best(short), 0.5));
  expect(best(long)).toBeLessThan(20);
});

test('[E28] a pattern longer than twice the limit is refused', () => {
  expect(operatorOf('matches')?.(['a'.repeat(512)])).toBeTypeOf('function');
  expect(operatorOf('matches')?.(['a'.repeat(513)])).toMatchObject({ index: 0 });
});

test('[E70] a name that every object inherits is no operator', () => {
  for (const name of ['constructor', 'toString', '__proto__', 'exists', 'IN']) {
    expect(operatorOf(name), name).toBeUndefined();
  }
});
