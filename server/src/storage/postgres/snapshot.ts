import { desc, eq } from 'drizzle-orm';
import type { DamageListener } from '../rows/damage.ts';
import type { EnvironmentRow } from '../rows/rows.ts';
import { snapshotOf } from '../rows/snapshot-rows.ts';
import type { StoredSnapshot } from '../storage.ts';
import type { Database } from './connections.ts';
import { changes, definitions } from './tables.ts';

/** All definitions of an environment, in one snapshot. A damaged one is reported and comes back opaque. */
export async function loadSnapshot(
  database: Database,
  environment: EnvironmentRow,
  onDamage: DamageListener,
): Promise<StoredSnapshot> {
  const rows = await database.select().from(definitions).where(eq(definitions.environment, environment.id));
  const [last] = await database
    .select({ at: changes.at })
    .from(changes)
    .where(eq(changes.environment, environment.id))
    .orderBy(desc(changes.revision))
    .limit(1);
  return snapshotOf(environment, rows, last?.at, onDamage);
}
