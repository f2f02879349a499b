import type { Role } from '@dimmer/schema/rest';

/** A key as stored: never the secret. Immutable. */
export interface ApiKey {
  /** Random id, safe to show. */
  readonly id: string;
  readonly kind: 'admin' | 'server' | 'client';
  readonly name: string;
  /** How the secret starts, to tell keys apart. */
  readonly hint: string;
  /** SHA-256 of the secret, hex. */
  readonly hash: string;
  /** Admin keys only. */
  readonly role: Role | null;
  /** SDK keys: their project. Admin keys: the only project that they open; `null` opens all. */
  readonly project: string | null;
  /** SDK keys only. */
  readonly environment: string | null;
  /** ISO 8601. */
  readonly createdAt: string;
  /** ISO 8601. */
  readonly expiresAt: string | null;
}

/** Who acts, as the history names them. */
export interface Actor {
  /** Id of the key, or `system`. */
  readonly id: string;
  /** Name of the key, or `system`. */
  readonly name: string;
}

/** Who acts when nobody asked: expiring kills, the first boot. */
export const SYSTEM: Actor = { id: 'system', name: 'system' };
