import { setImmediate as pause } from 'node:timers/promises';
import SqliteConnection from 'better-sqlite3';
import type { TestDatabase } from '../contract/postgres-database.ts';

/** Revisions that are written at once. */
const BATCH = 2_000;
const STEPS = `WITH RECURSIVE n (step) AS (SELECT 1 UNION ALL SELECT step + 1 FROM n WHERE step < ${BATCH})`;
const NEWEST = `JOIN environments e ON e.id = c.environment AND e.revision = c.revision AND e.key = 'production', n`;
/**
 * The newest change of `production` again and again, so that what is stored stays what a server could have written: the
 * definition that the last of them carries is the one that is served.
 */
const FILLING = [
  `INSERT INTO changed_objects (environment, revision, position, kind, "key", "before", "after", definition)
   ${STEPS} SELECT c.environment, c.revision + step, position, c.kind, c."key", c."before", c."after", c.definition
   FROM changed_objects c ${NEWEST}`,
  `INSERT INTO changes (environment, revision, at, actor_id, actor_name, action, reason, kill)
   ${STEPS} SELECT c.environment, c.revision + step, c.at, actor_id, actor_name, action, reason, kill
   FROM changes c ${NEWEST}`,
  `INSERT INTO audit (at, actor_id, actor_name, action, subject, project, reason, details, revisions)
   ${STEPS} SELECT at, actor_id, actor_name, action, subject, project, reason, details, revisions
   FROM audit, n WHERE id = (SELECT max(id) FROM audit)`,
  `UPDATE environments SET revision = revision + ${BATCH} WHERE key = 'production'`,
];

/** Gives a SQLite file that no server has open a history that makes it so large. @returns Its megabytes. */
export async function fillFile(path: string, megabytes: number): Promise<number> {
  const file = new SqliteConnection(path);
  try {
    file.pragma('synchronous = OFF');
    const size = (): number =>
      (Number(file.pragma('page_count', { simple: true })) *
        Number(file.pragma('page_size', { simple: true }))) /
      1e6;
    const fill = file.transaction(() => {
      for (const statement of FILLING) file.exec(statement);
    });
    while (size() < megabytes) {
      fill();
      await pause();
    }
    file.pragma('wal_checkpoint(TRUNCATE)');
    return size();
  } finally {
    file.close();
  }
}

/** The same of a database on PostgreSQL that no server uses, from a session that nobody has open afterwards. */
export async function fillDatabase(database: TestDatabase, megabytes: number): Promise<number> {
  const session = await database.session();
  const size = async (): Promise<number> => {
    const { rows } = await session.query('select pg_database_size(current_database()) as bytes');
    return Number(rows[0].bytes) / 1e6;
  };
  try {
    while ((await size()) < megabytes) await session.query(`begin; ${FILLING.join(';')}; commit`);
    return await size();
  } finally {
    await session.end();
  }
}
