import { expect, test } from 'vitest';
import { fakeDimmer } from './testing/fake-dimmer.ts';

const user = { targetingKey: 'user-1' };

test('[N22] a scope keeps the first answer, and counts it once', () => {
  const flags = fakeDimmer({ a: true, text: 'blue', count: 1, tree: { x: 1 } });
  const scope = flags.scope(user);
  const read = (): unknown[] => [
    scope.boolean('a', false),
    scope.string('text', ''),
    scope.number('count', 0),
    scope.json('tree', { x: 0 }),
  ];
  const first = read();
  flags.set('a', false);
  flags.set('text', 'red');
  flags.set('count', 2);
  flags.set('tree', { x: 2 });
  expect(read()).toEqual(first);
  expect(scope.detail('a', false)).toMatchObject({ value: true, revision: 1 });
  expect(flags.status().exposures.counted).toBe(4);
  expect(flags.boolean('a', user, true)).toBe(false);
});

test('[N22] a flag that is read as two types is a mismatch the second time', () => {
  const scope = fakeDimmer({ a: true }).scope(user);
  expect(scope.boolean('a', false)).toBe(true);
  expect(scope.string('a', 'fallback')).toBe('fallback');
  expect(scope.json('a', { x: 1 })).toEqual({ x: 1 });
  expect(scope.detail('a', 'fallback')).toMatchObject({ errorCode: 'TYPE_MISMATCH' });
  expect(scope.boolean('a', false)).toBe(true);
});

test('[N23] a kill aborts the signal before listeners hear of it', () => {
  const flags = fakeDimmer({ a: true });
  const scope = flags.scope(user);
  scope.boolean('a', false);
  const { signal } = scope;
  const seen: boolean[] = [];
  flags.onChange('a', () => seen.push(signal.aborted));
  flags.kill('a');
  expect(seen).toEqual([true]);
});

test('[N23] a signal that is asked for after the kill is aborted', () => {
  const flags = fakeDimmer({ a: true });
  const scope = flags.scope(user);
  scope.boolean('a', false);
  flags.kill('a');
  expect(scope.signal.aborted).toBe(true);
});

test('[N23] a flag that was off when the scope first used it aborts nothing', () => {
  const flags = fakeDimmer({ a: true });
  const scope = flags.scope(user);
  flags.kill('a');
  expect(scope.boolean('a', true)).toBe(false);
  expect(scope.signal.aborted).toBe(false);
});

test('[N23] a flag that is used after the signal was taken counts too', () => {
  const flags = fakeDimmer({ a: true });
  const scope = flags.scope(user);
  const { signal } = scope;
  scope.boolean('a', false);
  flags.kill('a');
  expect(signal.aborted).toBe(true);
});

test('[N23] a second kill reaches those who used the restored flag', () => {
  const flags = fakeDimmer({ a: true });
  flags.kill('a');
  flags.set('a', true);
  const scope = flags.scope(user);
  scope.boolean('a', false);
  expect(scope.signal.aborted).toBe(false);
  flags.kill('a');
  expect(scope.signal.aborted).toBe(true);
});

test('a closed scope is not aborted any more', () => {
  const flags = fakeDimmer({ a: true });
  const scope = flags.scope(user);
  scope.boolean('a', false);
  const { signal } = scope;
  scope[Symbol.dispose]();
  flags.kill('a');
  expect(signal.aborted).toBe(false);
});
