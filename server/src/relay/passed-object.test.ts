import { decodeMessageOf, digestOf } from '@dimmer/schema';
import { expect, test } from 'vitest';
import { flagObject } from '../delivery/flag-object.fixture.ts';
import { decodePassed } from './passed-object.ts';

test('[RL4] what this build cannot read is sent on as it came, and counts in digests', () => {
  const newer = { kind: 'holdout', key: 'h', version: 7, share: { of: ['a'] }, opaque: 'its own word' };
  const passed = decodePassed(newer);
  expect(JSON.parse(JSON.stringify(passed))).toEqual(newer);
  expect(digestOf(passed)).toBe(digestOf({ kind: 'holdout', key: 'h', version: 7 }));
  expect(passed).toMatchObject({ opaque: true, kind: 'holdout', key: 'h', version: 7 });
});

test('[RL4] a damaged flag is sent on too, and no field is lost of a sound one', () => {
  const damaged = { kind: 'flag', key: 'd', version: 2, type: 'colour', of: 'later' };
  expect(JSON.parse(JSON.stringify(decodePassed(damaged)))).toEqual(damaged);
  const sound = { ...flagObject('s', 3), later: { than: 'this build' } };
  expect(decodePassed(sound)).toBe(sound);
});

test('[RL4] what has no kind, key and version cannot be sent on', () => {
  expect(decodeMessageOf('put', '{"kind":"flag","key":"a"}', decodePassed).outcome).toBe('malformed');
});
