import { desc, eq } from 'drizzle-orm';
import type { StoredSnapshot } from '../storage.ts';
import type { DamageListener } from './damage.ts';
import { damageOf } from './damage.ts';
import type { Database } from './database.ts';
import { readDefinition } from './documents.ts';
import type { EnvironmentRow } from './find-environment.ts';
import { changes, definitions } from './tables.ts';

/** All definitions of an environment. A damaged one is reported and comes back opaque. */
export function loadSnapshot(
  database: Database,
  environment: EnvironmentRow,
  onDamage: DamageListener,
): StoredSnapshot {
  const rows = database.select().from(definitions).where(eq(definitions.environment, environment.id)).all();
  return {
    epoch: environment.epoch,
    revision: environment.revision,
    historyFloor: environment.historyFloor,
    committedAt: committedAt(database, environment),
    objects: rows.flatMap(({ document, ...row }) => {
      if (document === null) return [];
      const object = readDefinition(document, row);
      if ('damage' in object) {
        const name = `${environment.project}/${environment.key}/${row.key} (${row.kind})`;
        onDamage(damageOf('definition', name, object.damage ?? ''));
      }
      return [object];
    }),
    tombstones: rows
      .filter(({ document }) => document === null)
      .map(({ kind, key, version }) => ({ kind, key, version })),
  };
}

function committedAt(database: Database, environment: EnvironmentRow): string {
  const last = database
    .select({ at: changes.at })
    .from(changes)
    .where(eq(changes.environment, environment.id))
    .orderBy(desc(changes.revision))
    .limit(1)
    .get();
  return last === undefined ? environment.floorAt : new Date(last.at).toISOString();
}
