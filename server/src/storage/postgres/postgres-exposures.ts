import { and, asc, eq, gte, inArray, lt, lte, max, or, sql, sum } from 'drizzle-orm';
import type { EnvironmentRef } from '../../environments/environment.ts';
import type {
  BatchPolicy,
  CountedBatches,
  ExposureCount,
  ExposureQuery,
  ExposureStore,
  ExposureTotal,
} from '../exposure-store.ts';
import type { Database } from './connections.ts';
import { countedBatches, exposures } from './tables.ts';

/** How many rows one statement writes or deletes at most. */
const ROWS_MAX = 2_000;

/** How the exposures reach the database. */
export interface ExposureAccess {
  /** Runs work on a connection for reports. */
  use<T>(work: (database: Database) => Promise<T>): Promise<T>;
  /** Runs work in one transaction on such a connection. */
  transaction<T>(work: (database: Database) => Promise<T>): Promise<T>;
  /** Id of an environment; `undefined` where it does not exist. */
  idOf(database: Database, ref: EnvironmentRef): Promise<number | undefined>;
}

type ExposureRow = typeof exposures.$inferInsert;

/** Counts in the table `exposures`. Rows refer to no flag: what was counted stays when a flag is archived. */
export class PostgresExposures implements ExposureStore {
  readonly #access: ExposureAccess;

  constructor(access: ExposureAccess) {
    this.#access = access;
  }

  async add(batches: CountedBatches): Promise<ReadonlySet<string>> {
    return this.#access.transaction(async (database) => {
      const known = await addNames(database, batches);
      const rows = summed(await this.#rowsOf(database, batches.countsWithout(known)));
      for (let start = 0; start < rows.length; start += ROWS_MAX) {
        await addRows(database, rows.slice(start, start + ROWS_MAX));
      }
      return known;
    });
  }

  async read(query: ExposureQuery): Promise<readonly ExposureCount[]> {
    const { project, environment } = query;
    const rows = await this.#access.use(async (database) => {
      const id = await this.#access.idOf(database, query);
      return id === undefined ? [] : selectRows(database, id, query);
    });
    return rows.map(({ flag, variation, reason, source, minute, count }) => ({
      project,
      environment,
      flag,
      variation: variation === '' ? null : variation,
      reason,
      source,
      minute,
      count,
    }));
  }

  async totals(query: ExposureQuery): Promise<readonly ExposureTotal[]> {
    const rows = await this.#access.use(async (database) => {
      const id = await this.#access.idOf(database, query);
      return id === undefined ? [] : selectTotals(database, id, query);
    });
    return rows.map(({ variation, source, count, lastMinute }) => ({
      variation: variation === '' ? null : variation,
      source,
      count: Number(count),
      lastMinute: Number(lastMinute),
    }));
  }

  async prune(before: number): Promise<number> {
    return this.#access.use(async (database) => {
      const row = sql`${exposures}.ctid`;
      const old = database
        .select({ row })
        .from(exposures)
        .where(lt(exposures.minute, before))
        .limit(ROWS_MAX);
      const deleted = await database
        .delete(exposures)
        .where(inArray(row, old))
        .returning({ minute: exposures.minute });
      return deleted.length;
    });
  }

  async pruneBatches({ since, most }: BatchPolicy): Promise<number> {
    const { place, at } = countedBatches;
    return this.#access.use(async (database) => {
      const last = database.select({ place: max(place) }).from(countedBatches);
      const oldest = database.select({ place }).from(countedBatches).orderBy(asc(place)).limit(ROWS_MAX);
      const deleted = await database
        .delete(countedBatches)
        .where(and(inArray(place, oldest), or(lt(at, since), lte(place, sql`(${last}) - ${most}`))))
        .returning({ place });
      return deleted.length;
    });
  }

  async #rowsOf(database: Database, counts: readonly ExposureCount[]): Promise<readonly ExposureRow[]> {
    const rows: ExposureRow[] = [];
    for (const { flag, variation, reason, source, minute, count, ...ref } of counts) {
      const environment = await this.#access.idOf(database, ref);
      if (environment === undefined) continue;
      // An empty text, because NULLs in a primary key are not allowed.
      rows.push({ environment, flag, minute, variation: variation ?? '', reason, source, count });
    }
    return rows;
  }
}

async function selectRows(database: Database, environment: number, query: ExposureQuery) {
  return database.select().from(exposures).where(within(environment, query)).orderBy(asc(exposures.minute));
}

async function selectTotals(database: Database, environment: number, query: ExposureQuery) {
  return database
    .select({
      variation: exposures.variation,
      source: exposures.source,
      count: sum(exposures.count),
      lastMinute: max(exposures.minute),
    })
    .from(exposures)
    .where(within(environment, query))
    .groupBy(exposures.variation, exposures.source);
}

function within(environment: number, { flag, from, to }: ExposureQuery) {
  return and(
    eq(exposures.environment, environment),
    eq(exposures.flag, flag),
    gte(exposures.minute, from),
    lt(exposures.minute, to),
  );
}

/**
 * Adds names; a server that adds one at the same time waits until this transaction has ended. They are sorted, so that two
 * servers do not lock each other out.
 *
 * @returns The names that were there.
 */
async function addNames(database: Database, { names, at }: CountedBatches): Promise<ReadonlySet<string>> {
  if (names.length === 0) return new Set();
  const added = await database
    .insert(countedBatches)
    .values([...names].sort().map((name) => ({ name, at })))
    .onConflictDoNothing({ target: countedBatches.name })
    .returning({ name: countedBatches.name });
  const isAdded = new Set(added.map(({ name }) => name));
  return new Set(names.filter((name) => !isAdded.has(name)));
}

async function addRows(database: Database, rows: readonly ExposureRow[]): Promise<void> {
  await database
    .insert(exposures)
    .values([...rows])
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
    });
}

/**
 * One row for each place, because a statement may touch a row once; in one order, so that two servers that add at the
 * same time wait for each other rather than lock each other out.
 */
function summed(rows: readonly ExposureRow[]): readonly ExposureRow[] {
  const sums = new Map<string, ExposureRow>();
  for (const row of rows) {
    const { environment, flag, minute, variation, reason, source, count } = row;
    const place = JSON.stringify([environment, flag, minute, variation, reason, source]);
    const before = sums.get(place);
    sums.set(place, before === undefined ? row : { ...before, count: before.count + count });
  }
  return [...sums].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, row]) => row);
}
