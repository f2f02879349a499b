import { expect, test } from 'vitest';
import { secureHash } from './secure-hash.ts';

const KEY = `dim_srv_${'s'.repeat(32)}`;

// Made with openssl: printf '%s' '<canonical>' | openssl dgst -sha256 -hmac "$(printf '%s' "$KEY" | sha256sum | cut -c1-64)"
const VECTORS = [
  [
    { targetingKey: 'user-1', plan: 'pro' },
    'c8fbed78c0b432d34709364fba7f56c9e424258ed223f3017f018df006bb8a4b',
  ],
  [
    { b: { d: [1e21, null], c: 'ø 🎈' }, a: true },
    'f237e270e1af25fe765e438ce32d605685e1734b2547beb5dd2c9e2b9c796664',
  ],
] as const;

test.each(VECTORS)('[N90] %j is signed as every other implementation signs it', (context, hash) => {
  expect(secureHash(KEY, context)).toBe(hash);
});

test('[N90] what is signed is what JSON carries: the order of names and what JSON leaves out make no difference', () => {
  const at = new Date(0);
  const signed = secureHash(KEY, { at: at.toISOString(), targetingKey: 'u' });
  expect(secureHash(KEY, { targetingKey: 'u', at, nothing: undefined })).toBe(signed);
  expect(secureHash(`${KEY}x`, { targetingKey: 'u', at })).not.toBe(signed);
});

test('[N90] a context that cannot be signed throws nothing', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  expect(secureHash(KEY, circle)).toBeUndefined();
  expect(secureHash(KEY, { targetingKey: '\ud800' })).toBeUndefined();
  expect(secureHash(KEY, undefined as never)).toBeUndefined();
});
