import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readerOf } from './attribute.ts';
import { attributeHolds } from './condition.ts';
import { attributeValues, hostileContexts } from './context.arbitrary.ts';
import { fuse } from './fused-condition.ts';
import { operatorOf } from './operators.ts';

const text = fc.constantFrom('', 'a', 'ab', 'NO', 'user@example.org');
const number = fc.constantFrom(-1, 0, 5, 5.5, 1e308);
const fusible = fc.oneof(
  fc.tuple(fc.constant('in'), fc.array(fc.oneof(text, number, fc.boolean()), { minLength: 1 })),
  fc.tuple(fc.constantFrom('startsWith', 'endsWith', 'contains'), fc.tuple(text)),
  fc.tuple(fc.constantFrom('lt', 'lte', 'gt', 'gte'), fc.array(number)),
);
const plain = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.constantFrom(null, undefined, Number.NaN, Infinity, -Infinity, 5n, new Date(5)),
  fc.array(fc.oneof(text, number)),
  attributeValues,
);
/** Wrapped, because a revoked proxy cannot be looked at, not even by the generator. */
const contexts = fc.oneof(
  plain.map((value) => ({ context: { a: value } })),
  hostileContexts,
);

test('[E20] a fused condition answers what reading and judging apart answer', () => {
  fc.assert(
    fc.property(fusible, contexts, ([op, values], { context }) => {
      const judge = operatorOf(op)?.(values);
      if (typeof judge !== 'function') return expect.fail(`${op} refuses ${String(values)}`);
      const fused = fuse('a', op, values, judge);
      const who = (typeof context === 'object' && context !== null ? context : {}) as {
        readonly a?: unknown;
      };
      expect(fused?.(who)).toBe(attributeHolds(readerOf('a'), judge)(who));
    }),
    { numRuns: 2000 },
  );
});

test('[E20] paths and inherited names are not fused', () => {
  for (const name of ['a.b', 'constructor', '__proto__', 'toString']) {
    expect(
      fuse(name, 'in', ['a'], () => true),
      name,
    ).toBeUndefined();
  }
});
