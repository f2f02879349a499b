import { desc, lt } from 'drizzle-orm';
import type { AuditEntry } from '../storage.ts';
import type { DamageListener } from './damage.ts';
import { damageOf } from './damage.ts';
import type { Database } from './database.ts';
import { readDetails, readRevisions } from './documents.ts';
import { audit } from './tables.ts';

type AuditRow = typeof audit.$inferSelect;

/** Audit entries, newest first. A damaged one keeps what its columns say. */
export function selectAuditEntries(
  database: Database,
  query: { readonly before?: number; readonly limit: number },
  onDamage: DamageListener,
): readonly AuditEntry[] {
  const rows = database
    .select()
    .from(audit)
    .where(query.before === undefined ? undefined : lt(audit.id, query.before))
    .orderBy(desc(audit.id))
    .limit(query.limit)
    .all();
  return rows.map((row) => entryOf(row, onDamage));
}

function entryOf(row: AuditRow, onDamage: DamageListener): AuditEntry {
  const details = readDetails(row.details);
  const revisions = readRevisions(row.revisions);
  for (const read of [details, revisions]) {
    if (!read.ok) onDamage(damageOf('audit entry', String(row.id), read.problem));
  }
  return {
    id: row.id,
    at: new Date(row.at).toISOString(),
    actor: { id: row.actorId, name: row.actorName },
    action: row.action,
    subject: row.subject,
    project: row.project,
    reason: row.reason,
    details: details.ok ? details.value : null,
    revisions: revisions.ok ? revisions.value : {},
  };
}
