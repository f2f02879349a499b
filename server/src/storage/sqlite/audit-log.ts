import { desc, lt } from 'drizzle-orm';
import { auditEntryOf } from '../rows/audit-rows.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { AuditEntry } from '../storage.ts';
import type { Database } from './database.ts';
import { audit } from './tables.ts';

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
  return rows.map((row) => auditEntryOf(row, onDamage));
}
