import type { AuditEntry } from '../storage.ts';
import type { DamageListener } from './damage.ts';
import { damageOf } from './damage.ts';
import { readDetails, readRevisions } from './documents.ts';
import type { AuditRow } from './rows.ts';

/** An entry of the audit log. A damaged one is reported and keeps what its columns say. */
export function auditEntryOf(row: AuditRow & { readonly id: number }, onDamage: DamageListener): AuditEntry {
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
