import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemRandom } from '../platform/random.ts';
import { checksumOf, hashOf, hintOf, kindOfSecret, newSecret, randomBase62 } from './secret.ts';

const kinds = ['admin', 'server', 'client'] as const;

test.each(kinds)(
  '[A1] the secret of a new %s key has its prefix, 32 random characters and a checksum',
  (kind) => {
    const secret = newSecret(kind, systemRandom);
    expect(secret).toMatch(/^dim_(adm|srv|cli)_[0-9A-Za-z]{38}$/);
    expect(kindOfSecret(secret)).toBe(kind);
    expect(secret.slice(-6)).toBe(checksumOf(secret.slice(0, -6)));
  },
);

test('[A1] the checksum is the CRC-32 of what comes before it, in base62 of six characters', () => {
  const body = `dim_srv_${'a'.repeat(32)}`;
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  const value = [...checksumOf(body)].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0);
  expect(value).toBe(crc32(body));
  fc.assert(fc.property(fc.string(), (text) => checksumOf(text).length === 6));
});

test('[A1] a changed character changes the checksum', () => {
  const body = `dim_srv_${'a'.repeat(32)}`;
  expect(checksumOf(body.replace('a', 'b'))).not.toBe(checksumOf(body));
});

test('[A1] every character of a secret is equally likely', () => {
  const counts = new Map<string, number>();
  const drawn = 620_000;
  for (const character of randomBase62(drawn, systemRandom))
    counts.set(character, (counts.get(character) ?? 0) + 1);
  const expected = drawn / 62;
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(counts.size).toBe(62);
  // 61 degrees of freedom: 140 is exceeded by chance once in 10 million runs.
  expect(chiSquare).toBeLessThan(140);
});

test('[A1] bytes that would favour some characters are drawn again', () => {
  const bytes = [255, 248, 0, 247];
  const random = { uint32: () => 0, bytes: (count: number) => Uint8Array.from(bytes.splice(0, count)) };
  expect(randomBase62(2, random)).toBe('0z');
});

test('[A2] a secret from outside needs the prefix and 32 characters, no checksum', () => {
  expect(kindOfSecret(`dim_cli_${'x'.repeat(32)}`)).toBe('client');
  for (const text of [
    `dim_cli_${'x'.repeat(31)}`,
    `dim_xyz_${'x'.repeat(32)}`,
    `dim_cli_${'x'.repeat(31)}-`,
    '',
  ]) {
    expect(kindOfSecret(text)).toBeUndefined();
  }
});

test('[A2] what is kept of a secret is its SHA-256 and a hint that opens nothing', () => {
  expect(hashOf('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(hintOf(`dim_srv_aB3d${'x'.repeat(34)}`)).toBe('dim_srv_aB3d…');
});
