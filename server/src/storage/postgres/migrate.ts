import { desc, sql } from 'drizzle-orm';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { StorageFault } from '../storage.ts';
import type { Database } from './connections.ts';
import { inTransaction } from './connections.ts';
import type { MigrationStep } from './migration-steps.ts';
import { isLockTimeout } from './postgres-fault.ts';
import { LOCK_TIMEOUT_MS } from './session-settings.ts';

/** How long a server waits while another migrates, in milliseconds. */
const MIGRATOR_WAIT_MS = 60_000;

/** How often a step is tried that cannot have the locks of tables that servers use. */
const LOCK_ATTEMPTS_MAX = 15;

/** Of the advisory lock that the one migrator holds, by transaction, so that it ends with the connection. */
const MIGRATOR_LOCK = 4_400_001;

/** Which steps were taken. Made here rather than by a step, because it must be there for the first one. */
const migrations = pgTable('dimmer_migrations', {
  step: integer().primaryKey(),
  name: text().notNull(),
  leastReader: integer('least_reader').notNull(),
});

/**
 * Brings the tables up to date: each step in one transaction, by one server at a time. Others wait, and find it done.
 * Killed at any point, it leaves the tables before or after a step, and the next start goes on. Servers of an earlier
 * version go on meanwhile.
 *
 * @throws StorageFault `unavailable` where the tables are of a version that does not serve this one, or the other
 * migrator takes longer than 60 s.
 */
export async function migrate(database: Database, steps: readonly MigrationStep[]): Promise<void> {
  for (const step of steps) {
    if (await isTaken(database, steps, step)) continue;
    await patiently(() =>
      inTransaction(database, 'write', async () => {
        await lockMigrator(database);
        if (!(await isTaken(database, steps, step))) await take(database, step);
      }),
    );
  }
  await isTaken(database, steps, steps.at(-1));
}

/** Looks how far the tables are, and whether they serve this server. */
async function isTaken(
  database: Database,
  steps: readonly MigrationStep[],
  step: MigrationStep | undefined,
): Promise<boolean> {
  if (!(await isBegun(database))) return false;
  const taken = await database.select().from(migrations).orderBy(desc(migrations.step));
  const known = steps.at(-1)?.number ?? -1;
  const beyond = taken.find(({ leastReader }) => leastReader > known);
  if (beyond !== undefined) throw tooNew(beyond.name, known);
  return step === undefined || taken.some((row) => row.step === step.number);
}

/** Read from the rows of the catalog: what PostgreSQL looks up by name may be older than the lock. */
async function isBegun(database: Database): Promise<boolean> {
  const { rows } = await database.execute(sql`
    select 1 from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where relname = 'dimmer_migrations' and nspname = any (current_schemas(false))`);
  return rows.length > 0;
}

/** Runs a step again that could not have its locks in time. */
async function patiently(step: () => Promise<void>): Promise<void> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await step();
    } catch (error) {
      if (attempts >= LOCK_ATTEMPTS_MAX || !isLockTimeout(error)) throw error;
    }
  }
}

async function lockMigrator(database: Database): Promise<void> {
  await database.execute(sql`set local statement_timeout = 0`);
  await database.execute(sql.raw(`set local lock_timeout = ${MIGRATOR_WAIT_MS}`));
  await database.execute(sql`select pg_advisory_xact_lock(${MIGRATOR_LOCK})`);
  // What a step locks is in use by servers that run: it rather gives up and comes again than holds them up.
  await database.execute(sql.raw(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`));
}

async function take(
  database: Database,
  { number, name, leastReader, statements }: MigrationStep,
): Promise<void> {
  await database.execute(
    sql`create table if not exists dimmer_migrations
        (step integer primary key, name text not null, least_reader integer not null)`,
  );
  for (const statement of statements) await database.execute(sql.raw(statement));
  await database.insert(migrations).values({ step: number, name, leastReader });
}

function tooNew(name: string, known: number): StorageFault {
  return new StorageFault(
    'unavailable',
    `Its tables were brought to ${name} by a newer version of Dimmer, which this version (tables up to ${known}) does ` +
      'not know how to use. Start a newer version, or restore a backup from before the upgrade.',
  );
}
