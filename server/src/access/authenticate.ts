import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import { StorageFault } from '../storage/storage.ts';
import type { ApiKey } from './api-key.ts';
import type { KeyDirectory } from './key-directory.ts';
import { hashOf, kindOfSecret, SECRET_PREFIXES } from './secret.ts';

/** What a route opens to. */
export type KeyKind = ApiKey['kind'];

/**
 * Finds out whose request it is (SPEC.md, A3, A5, A6).
 *
 * @param authorization - The header as received.
 * @param kinds - The kinds of key that the route opens to.
 * @param now - Milliseconds since the Unix epoch.
 * @returns The key; else UNAUTHENTICATED, or WRONG_KEY_KIND for a good key of another kind.
 * @throws StorageFault where doubt remains because storage does not answer.
 */
export async function authenticate(
  authorization: string | undefined,
  kinds: readonly KeyKind[],
  directory: KeyDirectory,
  now: number,
): Promise<Result<ApiKey>> {
  const secret = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (secret === undefined) return unauthenticated('There is no `Authorization: Bearer` header.');
  if (kindOfSecret(secret) === undefined) return unauthenticated('The key does not have the form of a key.');
  const key = await directory.find(hashOf(secret)).catch(tellDoubt);
  if (key === undefined) return unauthenticated('The key is unknown, or was deleted.');
  if (hasExpired(key, now)) {
    return unauthenticated(`The key expired at ${key.expiresAt}.`);
  }
  return kinds.includes(key.kind) ? accepted(key) : wrongKind(key.kind, kinds);
}

/** @param now - Milliseconds since the Unix epoch. */
export function hasExpired({ expiresAt }: ApiKey, now: number): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= now;
}

/**
 * The environments that somebody can ask for: those of SDK keys that have not expired.
 *
 * @param now - Milliseconds since the Unix epoch.
 */
export function environmentsOpenedBy(keys: Iterable<ApiKey>, now: number): readonly EnvironmentRef[] {
  return [...keys].flatMap((key) => {
    const { project, environment } = key;
    return project === null || environment === null || hasExpired(key, now) ? [] : [{ project, environment }];
  });
}

/** Whoever mistyped a key in an outage should not wait for the end of it. */
function tellDoubt(cause: unknown): never {
  if (!(cause instanceof StorageFault) || cause.fault !== 'unavailable') throw cause;
  throw new StorageFault('unavailable', cause.message, {
    cause,
    told: 'This key is none of those that were known before the outage, so nobody can say now whether it opens anything. Look for a slip in it.',
  });
}

function unauthenticated(detail: string): Result<ApiKey> {
  return rejected({ code: 'UNAUTHENTICATED', detail });
}

function wrongKind(given: KeyKind, kinds: readonly KeyKind[]): Result<ApiKey> {
  const wanted = kinds.map((kind) => `${article(kind)} ${kind} key (${SECRET_PREFIXES[kind]}…)`).join(' or ');
  return rejected({
    code: 'WRONG_KEY_KIND',
    detail: `This is ${article(given)} ${given} key; the route opens to ${wanted}.`,
    remedy: `Use ${wanted}.`,
  });
}

function article(kind: KeyKind): string {
  return kind === 'admin' ? 'an' : 'a';
}
