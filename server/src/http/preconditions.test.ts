import { expect, test } from 'vitest';
import { etagOf, namesEtag } from './etag.ts';
import type { Preconditions } from './preconditions.ts';
import { checkPreconditions } from './preconditions.ts';

const none: Preconditions = { ifMatch: undefined, ifNoneMatch: undefined, required: false };

test.each([
  ['"7"', true],
  ['"6", "7"', true],
  ['*', true],
  ['"8"', false],
  ['W/"7"', false],
  ['7', false],
])('[A23] If-Match %s against "7" is met: %s', (ifMatch, isMet) => {
  expect(checkPreconditions({ ...none, ifMatch }, etagOf(7)).ok).toBe(isMet);
});

test('[A23] no If-Match is met by what is absent', () => {
  for (const ifMatch of ['*', '"7"']) expect(checkPreconditions({ ...none, ifMatch }, null).ok).toBe(false);
});

test('[A23] If-None-Match: * is met only by what is absent', () => {
  const conditions = { ...none, ifNoneMatch: '*', required: true };
  expect(checkPreconditions(conditions, null).ok).toBe(true);
  expect(checkPreconditions(conditions, etagOf(7)).ok).toBe(false);
});

test('[A23] a write that replaces has to say what', () => {
  const checked = checkPreconditions({ ...none, required: true }, etagOf(7));
  expect(checked).toMatchObject({
    ok: false,
    rejection: { code: 'PRECONDITION_REQUIRED', detail: expect.stringContaining('"7"') },
  });
  expect(checkPreconditions(none, etagOf(7)).ok).toBe(true);
});

test('[A24] a weak comparison does not look at W/', () => {
  expect(namesEtag('W/"7"', etagOf(7), 'weak')).toBe(true);
  expect(namesEtag('W/"8"', etagOf(7), 'weak')).toBe(false);
});
