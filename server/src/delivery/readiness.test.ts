import { expect, test } from 'vitest';
import type { ReadinessFacts } from './readiness.ts';
import { lackIn } from './readiness.ts';

const ready: ReadinessFacts = { isLeaving: false, hasAnswer: true, isStuck: false, loading: undefined };

test('[D16] a server that follows a database which has answered lacks nothing', () => {
  expect(lackIn(ready)).toBeUndefined();
});

test.each<[string, Partial<ReadinessFacts>, RegExp]>([
  ['it leaves, whatever else is so', { isLeaving: true, hasAnswer: false, isStuck: true }, /closing/],
  ['the database never answered', { hasAnswer: false, isStuck: true }, /not answered yet/],
  ['it cannot follow a database that answers', { isStuck: true }, /cannot follow/],
])('[D16] it is not ready where %s', (_why, facts, told) => {
  expect(lackIn({ ...ready, ...facts })).toMatch(told);
});

test('[M32] it is not ready while it loads, and says how far it is', () => {
  expect(lackIn({ ...ready, loading: { held: 12, needed: 40 } })).toContain('12 of 40');
  expect(lackIn({ ...ready, loading: { held: 0, needed: undefined } })).toContain('does not know yet');
});
