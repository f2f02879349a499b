import { LIMITS } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPlainBody, readContext, readPlainContext } from './client-context.ts';

/** What grows most in its canonical form, between what does not. */
const token = fc.constantFrom(
  '1e20',
  '-1E20',
  '5e-7',
  '1e-6',
  'true',
  '""',
  '"ø"',
  '"\\u0001"',
  '"\\ud800"',
  '[]',
);

test('[A105, OF7] of a plain body the short look says what the whole one says', () => {
  const bodies = fc.array(token, { maxLength: 800 }).map((tokens) => `{"list":[${tokens.join()}]}`);
  fc.assert(
    fc.property(bodies, (text) => {
      const body = Buffer.from(text);
      const context: unknown = JSON.parse(text);
      fc.pre(isPlainBody(body));
      expect(readContext(context)).toMatchObject({ ok: true, value: { context } });
      expect(readPlainContext(context)).toEqual({ ok: true, value: context });
    }),
  );
});

test('[A105, OF7] a body that holds nothing but the longest numbers is small enough where it counts as plain', () => {
  const listOf = (count: number): string => `{"l":[${Array(count).fill('1e20').join()}]}`;
  let count = 1;
  while (isPlainBody(Buffer.from(listOf(count + 1)))) count += 1;
  expect(listOf(count).length).toBeGreaterThan(LIMITS.contextBytes / 6);
  expect(readContext(JSON.parse(listOf(count))).ok).toBe(true);
});

test('[A105, OF7] an escape or a large body takes the whole look', () => {
  expect(isPlainBody(Buffer.from('{"a":"\\ud800"}'))).toBe(false);
  expect(isPlainBody(Buffer.from(JSON.stringify('x'.repeat(LIMITS.contextBytes))))).toBe(false);
});
