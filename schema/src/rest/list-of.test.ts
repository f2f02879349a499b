import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { listOf } from './list-of.ts';

const entries = fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { maxLength: 49 });

test('[A53] a list is judged as zod judges it, until its fiftieth fault', () => {
  const [plain, bounded] = [z.array(z.string().min(2)), listOf(z.string().min(2))];
  fc.assert(
    fc.property(fc.oneof(entries, fc.jsonValue()), (input) => {
      const [expected, found] = [plain.safeParse(input), bounded.safeParse(input)];
      expect(found.success).toBe(expected.success);
      expect(found.data).toEqual(expected.data);
      expect(found.error?.issues.slice(0, 50)).toEqual(expected.error?.issues.slice(0, 50));
    }),
  );
});

test('[A53] the faults of a list of a million, and of lists within lists, are bounded', () => {
  const million = Array<number>(1_000_000).fill(1);
  expect(listOf(z.string()).safeParse(million).error?.issues).toHaveLength(50);
  const lists = Array.from({ length: 1_000 }, () => million.slice(0, 1_000));
  expect(listOf(listOf(z.string())).safeParse(lists).error?.issues).toHaveLength(50);
});

test('[A53] what a list gives is a list of its own', () => {
  const input = [' a ', 'b'];
  expect(listOf(z.string().trim()).parse(input)).toEqual(['a', 'b']);
  expect(input).toEqual([' a ', 'b']);
  expect(listOf(z.string()).min(1).safeParse([]).success).toBe(false);
});
