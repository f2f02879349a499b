import { and, asc, eq, gte, inArray, lt, lte, max, or, sql, sum } from 'drizzle-orm';
import { nameOf } from '../../environments/environment.ts';
import type {
  BatchPolicy,
  CountedBatches,
  ExposureCount,
  ExposureQuery,
  ExposureStore,
  ExposureTotal,
} from '../exposure-store.ts';
import type { Database } from './database.ts';
import { findEnvironment } from './find-environment.ts';
import { countedBatches, exposures } from './tables.ts';

const { placeholder } = sql;

/** How many rows one transaction deletes at most, so that pruning never holds up a kill for long. */
const PRUNE_ROWS_MAX = 2_000;

/** Runs work on the open database, and names the faults of the world. */
export type UseDatabase = <T>(work: () => T) => T;

/** Counts in the table `exposures`. Rows refer to no flag: what was counted stays when a flag is archived. */
export class SqliteExposures implements ExposureStore {
  readonly #database: Database;
  readonly #use: UseDatabase;
  readonly #statements: Statements;

  constructor(database: Database, use: UseDatabase) {
    this.#database = database;
    this.#use = use;
    this.#statements = prepareStatements(database);
  }

  async add(batches: CountedBatches): Promise<ReadonlySet<string>> {
    return this.#use(() =>
      this.#database.transaction(() => this.#addBatches(batches), { behavior: 'immediate' }),
    );
  }

  async read(query: ExposureQuery): Promise<readonly ExposureCount[]> {
    return this.#use(() => {
      const environment = findEnvironment(this.#database, query);
      if (environment === undefined) return [];
      const rows = this.#database
        .select()
        .from(exposures)
        .where(within(environment.id, query))
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

  async totals(query: ExposureQuery): Promise<readonly ExposureTotal[]> {
    return this.#use(() => {
      const environment = findEnvironment(this.#database, query);
      if (environment === undefined) return [];
      const rows = this.#database
        .select({
          variation: exposures.variation,
          source: exposures.source,
          count: sum(exposures.count),
          lastMinute: max(exposures.minute),
        })
        .from(exposures)
        .where(within(environment.id, query))
        .groupBy(exposures.variation, exposures.source)
        .all();
      return rows.map(({ variation, source, count, lastMinute }) => ({
        variation: variation === '' ? null : variation,
        source,
        count: Number(count),
        lastMinute: Number(lastMinute),
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

  async pruneBatches({ since, most }: BatchPolicy): Promise<number> {
    const { place, at } = countedBatches;
    return this.#use(() => {
      const last =
        this.#database
          .select({ place: max(place) })
          .from(countedBatches)
          .get()?.place ?? 0;
      const oldest = this.#database
        .select({ place })
        .from(countedBatches)
        .orderBy(asc(place))
        .limit(PRUNE_ROWS_MAX);
      return this.#database
        .delete(countedBatches)
        .where(and(inArray(place, oldest), or(lt(at, since), lte(place, last - most))))
        .run().changes;
    });
  }

  #addBatches({ names, at, countsWithout }: CountedBatches): ReadonlySet<string> {
    const known = new Set(names.filter((name) => this.#statements.putBatch.run({ name, at }).changes === 0));
    this.#addAll(countsWithout(known));
    return known;
  }

  #addAll(counts: readonly ExposureCount[]): void {
    const ids = new Map<string, number | undefined>();
    for (const added of counts) {
      const name = nameOf(added);
      if (!ids.has(name)) ids.set(name, findEnvironment(this.#database, added)?.id);
      const environment = ids.get(name);
      // An empty text, because NULLs in a primary key are all different.
      const variation = added.variation ?? '';
      if (environment !== undefined) this.#statements.addCount.run({ ...added, environment, variation });
    }
  }
}

type Statements = ReturnType<typeof prepareStatements>;

/** Prepared once: a transaction may run thousands of them, on the thread that also kills. */
function prepareStatements(database: Database) {
  return {
    putBatch: database
      .insert(countedBatches)
      .values({ name: placeholder('name'), at: placeholder('at') })
      .onConflictDoNothing({ target: countedBatches.name })
      .prepare(),
    addCount: database
      .insert(exposures)
      .values({
        environment: placeholder('environment'),
        flag: placeholder('flag'),
        minute: placeholder('minute'),
        variation: placeholder('variation'),
        reason: placeholder('reason'),
        source: placeholder('source'),
        count: placeholder('count'),
      })
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
      .prepare(),
  };
}

function within(environment: number, { flag, from, to }: ExposureQuery) {
  return and(
    eq(exposures.environment, environment),
    eq(exposures.flag, flag),
    gte(exposures.minute, from),
    lt(exposures.minute, to),
  );
}
