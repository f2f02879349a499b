import type { StoredReply } from '../idempotency.ts';
import type { TransactRequest } from '../storage.ts';
import type { DamageListener } from './damage.ts';
import { damageOf } from './damage.ts';
import { readReply } from './documents.ts';

/** A reply that is kept for repeats of its request. */
export interface ReplyRow {
  readonly actor: string;
  readonly key: string;
  readonly fingerprint: string;
  readonly reply: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** A reply from its row. A damaged one is reported and counts as none: the request is carried out again. */
export function storedReplyOf(row: ReplyRow | undefined, onDamage: DamageListener): StoredReply | undefined {
  if (row === undefined) return undefined;
  const reply = readReply(row.reply);
  if (reply.ok) return { fingerprint: row.fingerprint, reply: reply.value, at: row.at };
  onDamage(damageOf('reply', `${row.actor}/${row.key}`, reply.problem));
  return undefined;
}

/** The row that keeps a reply; `undefined` where the request carries no Idempotency-Key. */
export function replyRowOf(
  { actor, idempotency }: TransactRequest,
  reply: StoredReply['reply'],
  now: number,
): ReplyRow | undefined {
  if (idempotency === undefined) return undefined;
  const { key, fingerprint } = idempotency;
  return { actor: actor.id, key, fingerprint, reply: JSON.stringify(reply), at: now };
}
