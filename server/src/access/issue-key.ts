import type { Random } from '../platform/random.ts';
import type { ApiKey } from './api-key.ts';
import { hashOf, hintOf, newSecret, randomBase62 } from './secret.ts';

const ID_CHARACTERS = 16;

/** What a new key opens. */
export type KeyGrant = Pick<ApiKey, 'kind' | 'name' | 'role' | 'project' | 'environment' | 'expiresAt'>;

/** A key and its secret, which nothing keeps: whoever asked for the key has to. */
export interface IssuedKey {
  readonly key: ApiKey;
  readonly secret: string;
}

/**
 * Makes a key.
 *
 * @param now - ISO 8601.
 * @param given - A secret from outside; left out, a new one is made.
 */
export function issueKey(grant: KeyGrant, random: Random, now: string, given?: string): IssuedKey {
  const secret = given ?? newSecret(grant.kind, random);
  const id = randomBase62(ID_CHARACTERS, random);
  const key: ApiKey = { ...grant, id, hint: hintOf(secret), hash: hashOf(secret), createdAt: now };
  return { key, secret };
}
