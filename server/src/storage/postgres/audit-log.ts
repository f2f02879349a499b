import { desc, lt } from 'drizzle-orm';
import { auditEntryOf } from '../rows/audit-rows.ts';
import type { DamageListener } from '../rows/damage.ts';
import type { AuditEntry } from '../storage.ts';
import type { Database } from './connections.ts';
import { audit } from './tables.ts';

/** Audit entries, newest first. A damaged one keeps what its columns say. */
export async function selectAuditEntries(
  database: Database,
  { before, limit }: { readonly before?: number; readonly limit: number },
  onDamage: DamageListener,
): Promise<readonly AuditEntry[]> {
  const rows = await database
    .select()
    .from(audit)
    .where(before === undefined ? undefined : lt(audit.id, before))
    .orderBy(desc(audit.id))
    .limit(limit);
  return rows.map((row) => auditEntryOf(row, onDamage));
}
