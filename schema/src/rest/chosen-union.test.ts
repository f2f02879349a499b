import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { chooseByMember, chosenUnion } from './chosen-union.ts';

const options = [
  z.strictObject({ all: z.array(z.string()) }),
  z.strictObject({ not: z.string() }),
  z.strictObject({ attribute: z.string(), op: z.string() }),
] as const;
const members = ['all', 'not', 'attribute'];

test('[A53] a value is judged as the form of its member, and accepted where a union of zod accepts it', () => {
  const [plain, chosen] = [z.union(options), chosenUnion(options, chooseByMember(members))];
  const part = fc.oneof(fc.string(), fc.array(fc.string()), fc.integer());
  const inputs = fc.record({ all: part, not: part, attribute: part, op: part }, { requiredKeys: [] });
  fc.assert(
    fc.property(fc.oneof(inputs, fc.jsonValue()), (input) => {
      const [expected, found] = [plain.safeParse(input), chosen.safeParse(input)];
      expect(found.success).toBe(expected.success);
      expect(found.data).toEqual(expected.data);
    }),
  );
  expect(chosen.safeParse({ not: 1 }).error?.issues).toMatchObject([{ code: 'invalid_type', path: ['not'] }]);
});

test('[A53] what has the members of several forms, or of none, is left to all of them', () => {
  const choose = chooseByMember(members);
  for (const value of [{}, { all: [], not: '' }, null, 'all', 7, { op: '' }])
    expect(choose(value)).toBeUndefined();
  expect(choose({ not: '', op: '' })).toBe(1);
  expect(choose({ __proto__: { all: [] } })).toBeUndefined();
});
