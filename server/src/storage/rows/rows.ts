import type { Actor } from '../../access/api-key.ts';

/*
 * Rows as every adapter on SQL keeps them. Documents are JSON in a text column: a row that does not parse must be
 * found when that row is read, not end the query that meets it.
 */

export interface EnvironmentRow {
  readonly id: number;
  readonly project: string;
  readonly key: string;
  readonly name: string;
  readonly epoch: string;
  readonly createdAt: string;
  readonly revision: number;
  readonly historyFloor: number;
  /** ISO 8601: when the revision of the floor was committed; the creation of the environment at first. */
  readonly floorAt: string;
  readonly secureMode: boolean;
}

/** What never changes of an environment. */
export type EnvironmentName = Pick<EnvironmentRow, 'id' | 'project' | 'key'>;

export interface FlagRow {
  readonly key: string;
  readonly document: string;
}

/** A flag's place in an environment. */
export interface ConfigurationRow {
  readonly flag: string;
  readonly version: number;
  readonly document: string;
}

export interface SegmentRow {
  readonly key: string;
  readonly version: number;
  readonly document: string;
}

/** What SDKs receive. Without a document it is a tombstone. */
export interface DefinitionRow {
  readonly kind: 'flag' | 'segment';
  readonly key: string;
  readonly version: number;
  readonly document: string | null;
}

/** Who did something, and when. */
interface Stamp {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly actorId: string;
  readonly actorName: string;
}

export interface ChangeRow extends Stamp {
  readonly revision: number;
  readonly action: string;
  readonly reason: string | null;
  readonly kill: boolean;
}

export interface ChangedObjectRow {
  readonly revision: number;
  /** Place in the change, from 0. */
  readonly position: number;
  readonly kind: 'flag' | 'segment';
  readonly key: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly definition: string | null;
}

export interface AuditRow extends Stamp {
  readonly action: string;
  readonly subject: string;
  readonly project: string | null;
  readonly reason: string | null;
  readonly details: string;
  readonly revisions: string;
}

/** @param stamped - A change, or an entry of the audit log. */
export function stampOf({ at, actor }: { readonly at: string; readonly actor: Actor }): Stamp {
  return { at: Date.parse(at), actorId: actor.id, actorName: actor.name };
}
