import type { StoredSnapshot } from '../storage.ts';
import type { DamageListener } from './damage.ts';
import { damageOf } from './damage.ts';
import { readDefinition } from './documents.ts';
import type { DefinitionRow, EnvironmentRow } from './rows.ts';

/**
 * A snapshot from all definitions of an environment. A damaged one is reported and comes back opaque.
 *
 * @param committedAt - When the newest change that is kept was committed, in milliseconds; `undefined` where none is.
 */
export function snapshotOf(
  environment: EnvironmentRow,
  rows: readonly DefinitionRow[],
  committedAt: number | undefined,
  onDamage: DamageListener,
): StoredSnapshot {
  return {
    epoch: environment.epoch,
    revision: environment.revision,
    historyFloor: environment.historyFloor,
    committedAt: committedAt === undefined ? environment.floorAt : new Date(committedAt).toISOString(),
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
