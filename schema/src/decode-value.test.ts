import { describe, expect, it } from 'vitest';
import { decodeValue, decodeValueMessage, decodeValueSnapshot, isFlagValue } from './decode-value.ts';
import type { FlagValue } from './value.ts';

const value: FlagValue = {
  kind: 'value',
  key: 'checkout-v2',
  version: 1_234,
  type: 'boolean',
  value: true,
  variation: 'on',
  reason: 'SPLIT',
};

describe('a value', () => {
  it('[W15] is read as it was sent, with fields and words of a later server', () => {
    const later = { ...value, reason: 'HOLDOUT', shade: 'green' };
    expect(decodeValue(value)).toEqual(value);
    expect(decodeValue(later)).toEqual(later);
  });

  it('[W15] may have no value: then the fallback of the caller counts', () => {
    const { value: _, ...without } = value;
    const read = decodeValue({ ...without, variation: null, reason: 'OFF' });
    expect(read !== undefined && isFlagValue(read)).toBe(true);
    expect(read).not.toHaveProperty('value');
  });

  it.each([
    ['type is not a known flag type', { type: 'colour' }],
    ['value is not of the type', { value: 'yes' }],
    ['value is not of the type', { value: null }],
    ['variation is not a name or null', { variation: 3 }],
    ['reason is not a word', { reason: null }],
  ])('[W17] is isolated where it is damaged: %s', (damage, fields) => {
    const read = decodeValue({ ...value, ...fields });
    expect(read, damage).toMatchObject({ kind: 'value', key: 'checkout-v2', version: 1_234 });
    expect(read !== undefined && isFlagValue(read), damage).toBe(false);
  });

  it('[W17] of an unknown kind is kept for the digest', () => {
    const read = decodeValue({ kind: 'banner', key: 'a', version: 2, text: 'x' });
    expect(read).toMatchObject({ kind: 'banner', key: 'a', version: 2 });
    expect(read !== undefined && isFlagValue(read)).toBe(false);
  });

  it.each([null, [], 'value', { kind: 'value', key: 'a' }, { kind: 'value', key: 'a', version: -1 }])(
    '[W4] is malformed without kind, key and version: %j',
    (object) => {
      expect(decodeValue(object)).toBeUndefined();
      expect(decodeValueMessage('put', JSON.stringify(object)).outcome).toBe('malformed');
    },
  );
});

describe('a stream of values', () => {
  it('[W15] has the same messages as a stream of definitions', () => {
    expect(decodeValueMessage('put', JSON.stringify(value))).toEqual({
      outcome: 'decoded',
      value: { type: 'put', object: value },
    });
    expect(decodeValueMessage('delete', '{"kind":"value","key":"a","version":3}')).toEqual({
      outcome: 'decoded',
      value: { type: 'delete', kind: 'value', key: 'a', version: 3 },
    });
    expect(decodeValueMessage('sparkle', '{}')).toEqual({ outcome: 'ignored' });
  });
});

describe('a snapshot of values', () => {
  const document = {
    protocol: 1,
    epoch: 'e',
    revision: 7,
    digest: 0,
    committedAt: '2026-11-21T00:00:00Z',
    objects: [value],
  };

  it('[W15] is the document of definitions, with values in it', () => {
    expect(decodeValueSnapshot(document)).toEqual({ outcome: 'decoded', value: document });
  });

  it('[W4] is malformed where a field is missing', () => {
    expect(decodeValueSnapshot({ ...document, digest: undefined }).outcome).toBe('malformed');
    expect(decodeValueSnapshot({ ...document, objects: [{ key: 'a' }] }).outcome).toBe('malformed');
  });
});
