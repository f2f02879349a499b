import { desc, sql } from 'drizzle-orm';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import type { Schedule } from '../../platform/schedule.ts';
import { StorageFault } from '../storage.ts';
import type { Database } from './connections.ts';
import { inTransaction } from './connections.ts';
import type { MigrationStep } from './migration-steps.ts';
import { isLockTimeout } from './postgres-fault.ts';

/** How often a step is tried: another server may be at it, or servers that run hold locks that it needs. */
const ATTEMPTS_MAX = 60;

/** Time between two attempts, in milliseconds. Those who waited behind the one before have their turn in it. */
const ATTEMPT_EVERY_MS = 1_000;

/** How long a step waits for a lock, in milliseconds: everybody who uses the table waits behind it. */
const STEP_LOCK_TIMEOUT_MS = 100;

/** Of the advisory lock that the one migrator holds. */
const MIGRATOR_LOCK = 4_400_001;

/** Which steps were taken. Made here rather than by a step, because it must be there for the first one. */
const migrations = pgTable('dimmer_migrations', {
  step: integer().primaryKey(),
  name: text().notNull(),
  leastReader: integer('least_reader').notNull(),
});

/** A session that migrates. */
interface Migrating {
  readonly database: Database;
  readonly steps: readonly MigrationStep[];
}

/**
 * Brings the tables up to date: each step in one transaction, by one server at a time. Others wait, and find it done.
 * Killed at any point, it leaves the tables before or after a step, and the next start goes on. Servers of an earlier
 * version go on meanwhile.
 *
 * @throws StorageFault `unavailable` where the tables are of a version that does not serve this one, or a step could
 * not be taken within a minute: another server is at it, or something holds locks that it needs.
 */
export async function migrate(
  database: Database,
  steps: readonly MigrationStep[],
  schedule: Pick<Schedule, 'after'>,
): Promise<void> {
  const migrating = { database, steps };
  for (const step of steps) {
    for (let attempts = 1; !(await attempt(migrating, step)); attempts += 1) {
      if (attempts >= ATTEMPTS_MAX) throw tooBusy(step.name);
      await new Promise<void>((resolve) => void schedule.after(ATTEMPT_EVERY_MS, resolve));
    }
  }
  await isTaken(migrating, steps.at(-1));
}

/** @returns Whether the step is taken now; `false`: somebody was in the way. */
async function attempt(migrating: Migrating, step: MigrationStep): Promise<boolean> {
  if (await isTaken(migrating, step)) return true;
  try {
    return await (step.index === undefined
      ? takeWhole(migrating, step)
      : buildIndex(migrating, step, step.index));
  } catch (error) {
    if (isLockTimeout(error)) return false;
    throw error;
  }
}

/** All of a step in one transaction, which holds the lock of the migrator. */
function takeWhole(migrating: Migrating, step: MigrationStep): Promise<boolean> {
  const { database } = migrating;
  return inTransaction(database, 'write', async () => {
    await database.execute(sql`set local statement_timeout = 0`);
    await database.execute(sql.raw(`set local lock_timeout = ${STEP_LOCK_TIMEOUT_MS}`));
    // Asked rather than waited for: a statement that waits keeps an index from being built.
    if (!(await isGranted(database, sql`select pg_try_advisory_xact_lock(${MIGRATOR_LOCK}) as granted`)))
      return false;
    if (await isTaken(migrating, step)) return true;
    await database.execute(
      sql`create table if not exists dimmer_migrations
          (step integer primary key, name text not null, least_reader integer not null)`,
    );
    for (const statement of step.statements) await database.execute(sql.raw(statement));
    await note(database, step);
    return true;
  });
}

/**
 * A step that builds an index beside running writers, which no transaction can do. The lock is the session's. What an
 * attempt that was cut off has left is no index, and is taken away first; one that was built is left, and noted.
 */
async function buildIndex(migrating: Migrating, step: MigrationStep, index: string): Promise<boolean> {
  const { database } = migrating;
  if (!(await isGranted(database, sql`select pg_try_advisory_lock(${MIGRATOR_LOCK}) as granted`)))
    return false;
  try {
    if (await isTaken(migrating, step)) return true;
    // It waits for transactions, and nobody waits for it.
    await database.execute(
      sql`select set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false)`,
    );
    const { rows } = await database.execute<{ valid: boolean }>(sql`
      select indisvalid as valid from pg_index join pg_class on pg_class.oid = indexrelid
      where relname = ${index} and pg_table_is_visible(indexrelid)`);
    const [built] = rows;
    if (built?.valid === false) {
      await database.execute(sql`drop index concurrently ${sql.identifier(index)}`);
    }
    if (built?.valid !== true) {
      for (const statement of step.statements) await database.execute(sql.raw(statement));
    }
    await note(database, step);
    return true;
  } finally {
    await database.execute(sql`select pg_advisory_unlock(${MIGRATOR_LOCK})`);
  }
}

/** A table that is there while a store is being filled. */
export const UNFINISHED_RESTORE = 'unfinished_restore';

/** @throws StorageFault where a restore was begun and not finished. */
export async function assertRestored(database: Database): Promise<void> {
  const { rows } = await database.execute(
    sql`select to_regclass(${UNFINISHED_RESTORE}) is not null as found`,
  );
  if (rows[0]?.['found'] !== true) return;
  throw new StorageFault(
    'unavailable',
    'It is what an unfinished restore left, and is empty. Run the restore again; or, to begin with nothing, ' +
      `DROP TABLE ${UNFINISHED_RESTORE};`,
  );
}

/** How the tables stand to some steps. */
export async function versionAgainst(
  database: Database,
  steps: readonly MigrationStep[],
): Promise<'none' | 'older' | 'current' | 'newer'> {
  if (!(await isBegun(database))) return 'none';
  const [last] = await database.select().from(migrations).orderBy(desc(migrations.step)).limit(1);
  if (last === undefined) return 'none';
  const known = steps.at(-1)?.number ?? -1;
  return last.step === known ? 'current' : last.step < known ? 'older' : 'newer';
}

/** Looks how far the tables are, and whether they serve this server. */
async function isTaken({ database, steps }: Migrating, step: MigrationStep | undefined): Promise<boolean> {
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

async function isGranted(database: Database, question: ReturnType<typeof sql>): Promise<boolean> {
  const { rows } = await database.execute<{ granted: boolean }>(question);
  return rows[0]?.granted === true;
}

async function note(database: Database, { number, name, leastReader }: MigrationStep): Promise<void> {
  await database.insert(migrations).values({ step: number, name, leastReader });
}

function tooNew(name: string, known: number): StorageFault {
  return new StorageFault(
    'unavailable',
    `Its tables were brought to ${name} by a newer version of Dimmer, which this version (tables up to ${known}) does ` +
      'not know how to use. Start a newer version, or restore a backup from before the upgrade.',
  );
}

function tooBusy(name: string): StorageFault {
  return new StorageFault(
    'unavailable',
    `Its tables could not be brought to ${name} within a minute: another server is at it, or something holds locks on ` +
      'them. Servers of the version before go on. Start this one again; pg_stat_activity shows who holds what.',
  );
}
