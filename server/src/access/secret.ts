import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Random } from '../platform/random.ts';
import type { ApiKey } from './api-key.ts';

/** How the secret of each kind of key starts. */
export const SECRET_PREFIXES: Readonly<Record<ApiKey['kind'], string>> = {
  admin: 'dim_adm_',
  server: 'dim_srv_',
  client: 'dim_cli_',
};

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** 32 of 62 characters: 190 bits that nobody can guess. */
const RANDOM_CHARACTERS = 32;

const CHECKSUM_CHARACTERS = 6;

/** Prefix and four characters: enough to tell keys apart, useless to a thief. */
const HINT_CHARACTERS = 12;

/** The largest multiple of 62 that a byte can hold; larger bytes are drawn again, so that no character is favoured. */
const UNIFORM_BELOW = 248;

/**
 * Makes the secret of a new key: prefix, 32 random base62 characters, and a checksum that lets a secret
 * scanner tell a real key from noise without asking anyone.
 *
 * The checksum is the CRC-32 of everything before it, in base62, padded with zeros to 6 characters, as in
 * GitHub's tokens.
 *
 * @example newSecret('server', random) // 'dim_srv_3cX9…'
 */
export function newSecret(kind: ApiKey['kind'], random: Random): string {
  const body = SECRET_PREFIXES[kind] + randomBase62(RANDOM_CHARACTERS, random);
  return body + checksumOf(body);
}

/** The six characters that end a secret. */
export function checksumOf(body: string): string {
  return toBase62(crc32(body)).padStart(CHECKSUM_CHARACTERS, '0');
}

/** The kind of key that a text could be the secret of: the prefix and at least 32 base62 characters. */
export function kindOfSecret(text: string): ApiKey['kind'] | undefined {
  const match = /^dim_(adm|srv|cli)_[0-9A-Za-z]{32,200}$/.exec(text);
  switch (match?.[1]) {
    case 'adm':
      return 'admin';
    case 'srv':
      return 'server';
    case 'cli':
      return 'client';
    default:
      return undefined;
  }
}

/** What the database keeps of a secret: SHA-256, hex. Enough for so many random bits, and quick. */
export function hashOf(secret: string): string {
  return hash('sha256', secret);
}

/** @example hintOf('dim_srv_aB3dEf…') // 'dim_srv_aB3d…' */
export function hintOf(secret: string): string {
  return `${secret.slice(0, HINT_CHARACTERS)}…`;
}

/** Characters of the base62 alphabet, each equally likely. */
export function randomBase62(count: number, random: Random): string {
  let text = '';
  while (text.length < count) {
    for (const byte of random.bytes(count - text.length)) {
      if (byte < UNIFORM_BELOW) text += BASE62.charAt(byte % BASE62.length);
    }
  }
  return text;
}

function toBase62(value: number): string {
  const rest = Math.floor(value / BASE62.length);
  return (rest === 0 ? '' : toBase62(rest)) + BASE62.charAt(value % BASE62.length);
}
