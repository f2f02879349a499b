import { expect, expectTypeOf, test, vi } from 'vitest';
import type { DimmerClient } from '../dimmer.ts';
import { fakeDimmer } from './fake-dimmer.ts';

test('[B80] a fake serves what it was given, and details like the real one', async () => {
  const flags = fakeDimmer({ on: true, theme: 'dark', size: 3, tree: { a: [1] } });
  expect((await flags.ready()).state).toBe('LIVE');
  expect(flags.boolean('on', false)).toBe(true);
  expect(flags.string('theme', '')).toBe('dark');
  expect(flags.number('size', 0)).toBe(3);
  expect(flags.json('tree', { a: [] })).toEqual({ a: [1] });
  expect(flags.detail('on', false)).toMatchObject({ reason: 'FALLTHROUGH', variation: 'value', revision: 1 });
  // @ts-expect-error theme is a text
  expect(flags.boolean('theme', false)).toBe(false);
  expect(flags.detail('theme', false)).toMatchObject({ value: false, errorCode: 'TYPE_MISMATCH' });
  expect(flags.flags()).toEqual({ on: true, theme: 'dark', size: 3, tree: { a: [1] } });
});

test('[B80] setting a value makes a revision and tells listeners, and an equal value tells nobody', () => {
  const flags = fakeDimmer({ on: true, other: 1 });
  const one = vi.fn();
  const all = vi.fn();
  flags.onChange('on', one);
  const stop = flags.onChange(all);
  flags.set('on', false);
  flags.set('on', false);
  expect(flags.boolean('on', true)).toBe(false);
  expect(one.mock.calls).toEqual([[false]]);
  expect(all.mock.calls).toEqual([[['on']]]);
  stop();
  flags.set('other', 2);
  expect(all).toHaveBeenCalledOnce();
  expect(flags.status().revision).toBe(4);
});

test('[B80] a killed boolean is false, and a killed text the fallback', () => {
  const flags = fakeDimmer({ on: true, theme: 'dark' });
  flags.kill('on');
  flags.kill('theme');
  expect(flags.detail('on', true)).toMatchObject({ value: false, reason: 'KILLED', variation: 'off' });
  expect(flags.string('theme', 'light')).toBe('light');
  flags.set('on', true);
  expect(flags.boolean('on', false)).toBe(true);
});

test('[B80] status is what the test says', () => {
  const flags = fakeDimmer({});
  const heard = vi.fn();
  flags.onStatus(heard);
  flags.setStatus({ state: 'STALE', ageMs: 60_000 });
  expect(heard).toHaveBeenCalledWith(expect.objectContaining({ state: 'STALE', ageMs: 60_000 }));
  flags.close();
  expect(flags.status()).toMatchObject({ state: 'CLOSED', mode: 'none' });
});

test('[B80] calls are recorded', async () => {
  const flags = fakeDimmer({ on: true });
  flags.boolean('on', false);
  flags.track('bought', { value: 3 });
  await flags.identify({ targetingKey: 'bob' });
  expect(flags.calls).toEqual({
    evaluations: [{ key: 'on', value: true }],
    tracked: [{ name: 'bought', details: { value: 3 } }],
    identified: [{ targetingKey: 'bob' }],
  });
});

test('[B80] set accepts known keys and their types only, and a fake is a client', () => {
  const flags = fakeDimmer({ on: true, theme: 'dark' });
  expectTypeOf(flags).toExtend<DimmerClient<{ readonly on: boolean; readonly theme: string }>>();
  expectTypeOf(flags.set<'on'>)
    .parameter(1)
    .toEqualTypeOf<boolean>();
  expectTypeOf(flags.set<'theme'>)
    .parameter(1)
    .toEqualTypeOf<string>();
  // @ts-expect-error there is no such flag
  expectTypeOf(flags.set<'unknown'>).toBeFunction();
});
