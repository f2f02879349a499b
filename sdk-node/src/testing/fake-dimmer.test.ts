import { expect, expectTypeOf, test, vi } from 'vitest';
import type { Flags } from '../flags.ts';
import { fakeDimmer } from './fake-dimmer.ts';

const user = { targetingKey: 'user-1' };

test('[N70] a fake serves what it was given, and details like the real one', async () => {
  const flags = fakeDimmer({ on: true, theme: 'dark', size: 3, tree: { a: [1] } });
  expect((await flags.ready()).state).toBe('LIVE');
  expect(flags.boolean('on', user, false)).toBe(true);
  expect(flags.string('theme', user, '')).toBe('dark');
  expect(flags.number('size', user, 0)).toBe(3);
  expect(flags.json('tree', user, { a: [] })).toEqual({ a: [1] });
  expect(flags.detail('on', user, false)).toMatchObject({ reason: 'FALLTHROUGH', variation: 'value' });
  expect(flags.detail('theme', user, false)).toMatchObject({ value: false, errorCode: 'TYPE_MISMATCH' });
});

test('[N70] setting a value makes a revision and calls listeners', async () => {
  const flags = fakeDimmer({ on: true, other: 1 });
  const one = vi.fn();
  const all = vi.fn();
  flags.onChange('on', one);
  flags.onChange(all);
  flags.set('on', false);
  expect(flags.boolean('on', user, true)).toBe(false);
  expect(one).toHaveBeenCalledOnce();
  expect(all).toHaveBeenCalledWith(['on']);
  expect(await flags.waitForRevision(2)).toBe(true);
  expect(await flags.waitForRevision(3, { timeoutMs: 60_000 })).toBe(false);
});

test('[N70] a killed boolean is false, and a killed text the fallback', () => {
  const flags = fakeDimmer({ on: true, theme: 'dark' });
  flags.kill('on');
  flags.kill('theme');
  expect(flags.detail('on', user, true)).toMatchObject({ value: false, reason: 'KILLED' });
  expect(flags.string('theme', user, 'light')).toBe('light');
  flags.set('on', true);
  expect(flags.boolean('on', user, false)).toBe(true);
});

test('[N70] the values that were given stay as they were', () => {
  const tree = { a: [1] };
  const flags = fakeDimmer({ tree });
  expect(Object.isFrozen(flags.json('tree', user, {}))).toBe(true);
  expect(Object.isFrozen(tree)).toBe(false);
});

test('[N70] set accepts known keys and their types only, and a fake is a Flags', () => {
  const flags = fakeDimmer({ on: true, theme: 'dark' });
  expectTypeOf(flags).toExtend<Flags>();
  expectTypeOf(flags.set<'on'>)
    .parameter(1)
    .toEqualTypeOf<boolean>();
  expectTypeOf(flags.set<'theme'>)
    .parameter(1)
    .toEqualTypeOf<string>();
  // @ts-expect-error there is no such flag
  expectTypeOf(flags.set<'unknown'>).toBeFunction();
});

test('closing a fake is remembered', async () => {
  const flags = fakeDimmer({ on: true });
  await flags.close();
  expect(flags.status().state).toBe('CLOSED');
  expect(flags.boolean('on', user, false)).toBe(true);
});
