import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Snapshot } from '@dimmer/follower';
import { snapshotOf } from '@dimmer/follower';
import type { SnapshotDocument, WireObject } from '@dimmer/schema';
import { decodeSnapshot, PROTOCOL_VERSION } from '@dimmer/schema';

/** Whose cache it is. */
export interface CacheOwner {
  readonly url: URL;
  readonly key: string;
}

/** What a cache file holds. */
export interface CachedSnapshot {
  readonly snapshot: Snapshot<WireObject>;
  /** Milliseconds since the Unix epoch. */
  readonly savedAt: number;
}

/** What became of a file. */
export type CacheReading =
  | { readonly ok: true; readonly cached: CachedSnapshot }
  | { readonly ok: false; readonly problem: string };

/** Grows when a reader of today could no longer understand the file. */
const FORMAT = 1;
const SEAL_CHARACTERS = 64;

/** Names the environment without giving the key away. */
export function identityOf({ url, key }: CacheOwner): string {
  return createHash('sha256').update(`${url.href}\n${key}`).digest('hex').slice(0, 32);
}

/**
 * The text of a cache file: a seal, a line break, and JSON. The seal is an HMAC-SHA256 with the SDK's key, so
 * it finds damage, and files that were put there by somebody who does not know the key.
 */
export function encodeCacheFile(owner: CacheOwner, { snapshot, savedAt }: CachedSnapshot): string {
  const { epoch, revision, digest, committedAt, objects } = snapshot;
  const document: SnapshotDocument = {
    protocol: PROTOCOL_VERSION,
    epoch,
    revision,
    digest,
    committedAt,
    objects: [...objects.values()],
  };
  const body = JSON.stringify({ format: FORMAT, identity: identityOf(owner), savedAt, document });
  return `${seal(owner.key, body)}\n${body}`;
}

/** Reads a cache file. Anything wrong with it is a problem, never an exception. */
export function decodeCacheFile(owner: CacheOwner, text: string): CacheReading {
  const body = text.slice(SEAL_CHARACTERS + 1);
  if (!isSealed(owner.key, text.slice(0, SEAL_CHARACTERS), body)) {
    return unusable('it is damaged, or was written with another key');
  }
  const { format, identity, savedAt, document } = parseBody(body);
  if (format !== FORMAT) return unusable(`its format is ${String(format)}, not ${FORMAT}`);
  if (identity !== identityOf(owner)) return unusable('it belongs to another environment');
  const decoded = decodeSnapshot(document);
  const snapshot = decoded.outcome === 'decoded' ? snapshotOf(decoded.value) : undefined;
  if (snapshot === undefined || typeof savedAt !== 'number') return unusable('its snapshot is not whole');
  return { ok: true, cached: { snapshot, savedAt } };
}

/** The body is sealed, so it is JSON that this SDK wrote; a later version may have changed its fields. */
function parseBody(body: string): Partial<Record<'format' | 'identity' | 'savedAt' | 'document', unknown>> {
  const parsed: unknown = JSON.parse(body);
  return typeof parsed === 'object' && parsed !== null ? parsed : {};
}

function seal(key: string, body: string): string {
  return createHmac('sha256', key).update(body).digest('hex');
}

function isSealed(key: string, found: string, body: string): boolean {
  const expected = Buffer.from(seal(key, body));
  const given = Buffer.from(found);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function unusable(problem: string): CacheReading {
  return { ok: false, problem };
}
