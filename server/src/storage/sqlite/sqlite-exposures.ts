import { and, eq, gte, inArray, lt, sql } from 'drizzle-orm';
import { nameOf } from '../../environments/environment.ts';
import type { ExposureCount, ExposureQuery, ExposureStore } from '../exposure-store.ts';
import type { Database } from './database.ts';
import { findEnvironment } from './find-environment.ts';
import { exposures } from './tables.ts';

/** How many rows one transaction deletes at most, so that pruning never holds up a kill for long. */
const PRUNE_ROWS_MAX = 2_000;

/** Runs work on the open database, and names the faults of the world. */
export type UseDatabase = <T>(work: () => T) => T;

/** Counts in the table `exposures`. Rows refer to no flag: what was counted stays when a flag is archived. */
export class SqliteExposures implements ExposureStore {
  readonly #database: Database;
  readonly #use: UseDatabase;

  constructor(database: Database, use: UseDatabase) {
    this.#database = database;
    this.#use = use;
  }

  async add(counts: readonly ExposureCount[]): Promise<void> {
    this.#use(() => this.#database.transaction(() => this.#addAll(counts), { behavior: 'immediate' }));
  }

  async read(query: ExposureQuery): Promise<readonly ExposureCount[]> {
    return this.#use(() => {
      const environment = findEnvironment(this.#database, query);
      if (environment === undefined) return [];
      const rows = this.#database
        .select()
        .from(exposures)
        .where(
          and(
            eq(exposures.environment, environment.id),
            eq(exposures.flag, query.flag),
            gte(exposures.minute, query.from),
            lt(exposures.minute, query.to),
          ),
        )
        .orderBy(exposures.minute)
        .all();
      return rows.map(({ flag, variation, reason, source, minute, count }) => ({
        project: query.project,
        environment: query.environment,
        flag,
        variation: variation === '' ? null : variation,
        reason,
        source,
        minute,
        count,
      }));
    });
  }

  async prune(before: number): Promise<number> {
    const old = this.#database
      .select({ id: sql`rowid` })
      .from(exposures)
      .where(lt(exposures.minute, before))
      .limit(PRUNE_ROWS_MAX);
    return this.#use(() => this.#database.delete(exposures).where(inArray(sql`rowid`, old)).run().changes);
  }

  #addAll(counts: readonly ExposureCount[]): void {
    const ids = new Map<string, number | undefined>();
    for (const added of counts) {
      const name = nameOf(added);
      if (!ids.has(name)) ids.set(name, findEnvironment(this.#database, added)?.id);
      const environment = ids.get(name);
      if (environment !== undefined) this.#addOne(environment, added);
    }
  }

  #addOne(environment: number, { flag, variation, reason, source, minute, count }: ExposureCount): void {
    this.#database
      .insert(exposures)
      // An empty text, because NULLs in a primary key are all different.
      .values({ environment, flag, minute, variation: variation ?? '', reason, source, count })
      .onConflictDoUpdate({
        target: [
          exposures.environment,
          exposures.flag,
          exposures.minute,
          exposures.variation,
          exposures.reason,
          exposures.source,
        ],
        set: { count: sql`${exposures.count} + excluded.count` },
      })
      .run();
  }
}
