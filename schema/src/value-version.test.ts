import { describe, expect, it } from 'vitest';
import { murmur3Ascii } from './murmur3.ts';
import type { FlagValue } from './value.ts';
import { versionOfValue } from './value-version.ts';

const content: Omit<FlagValue, 'version'> = {
  kind: 'value',
  key: 'checkout-v2',
  type: 'string',
  value: 'blå 🎈',
  variation: 'on',
  reason: 'FALLTHROUGH',
};

describe('the version of a value', () => {
  it('[W16] is the hash of its JSON, beyond ASCII escaped', () => {
    const json =
      '{"kind":"value","key":"checkout-v2","type":"string","value":"bl\\u00e5 \\ud83c\\udf88","variation":"on","reason":"FALLTHROUGH"}';
    expect(versionOfValue(content)).toBe(murmur3Ascii(json, 0));
  });

  it('[W16] does not depend on the order in which fields were set', () => {
    expect(versionOfValue(Object.fromEntries(Object.entries(content).reverse()) as typeof content)).toBe(
      versionOfValue(content),
    );
  });

  it.each<Partial<FlagValue>>([
    { key: 'other' },
    { value: 'blå' },
    { variation: null },
    { reason: 'SPLIT' },
    { isStatic: true },
    { errorCode: 'UNSUPPORTED' },
    { metadata: { team: 'checkout' } },
  ])('[W16] differs where the content does: %j', (difference) => {
    expect(versionOfValue({ ...content, ...difference })).not.toBe(versionOfValue(content));
  });
});
