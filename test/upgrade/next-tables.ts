import { copyFile, cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openPostgresStorage, openSqliteStorage, systemClock, systemSchedule } from '@dimmer/server';
import { PGlite } from '@electric-sql/pglite';
import SqliteConnection from 'better-sqlite3';
import pg from 'pg';
import { expect } from 'vitest';
import { openStorageOn } from '../../server/src/storage/postgres/open-postgres-storage.ts';
import {
  PGLITE_TARGET,
  PgliteConnections,
  PgliteServer,
} from '../../server/src/storage/postgres/pglite-connections.fixture.ts';
import type { NewTables } from './suite/new-tables.ts';

const STEPS = fileURLToPath(new URL('../../server/migrations/postgres', import.meta.url));
/** A step of a release after this build's: nothing of it is needed by those who do not know it. */
const NEXT_STEP = 'ALTER TABLE "flags" ADD COLUMN "next_release" text;';
const SQLITE_TABLES = `
  SELECT name, sql AS form FROM sqlite_master UNION ALL SELECT hash, created_at FROM __drizzle_migrations ORDER BY 1, 2`;
/** Every column, index, constraint and step. */
const POSTGRES_TABLES = `
  select relname as name, attname as part, format_type(atttypid, atttypmod) as type,
         concat(attnotnull, attidentity, pg_get_expr(adbin, adrelid)) as form
  from pg_attribute join pg_class on pg_class.oid = attrelid
  left join pg_attrdef on adrelid = attrelid and adnum = attnum
  where relnamespace = 'public'::regnamespace and relkind in ('r', 'S') and attnum > 0
  union all
  select relname, '', 'index', concat(indisvalid, pg_get_indexdef(indexrelid))
  from pg_index join pg_class on pg_class.oid = indexrelid where relnamespace = 'public'::regnamespace
  union all
  select conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid)
  from pg_constraint where connamespace = 'public'::regnamespace
  union all
  select name, step::text, 'step', least_reader::text from dimmer_migrations
  order by 1, 2, 3, 4`;

type Rows = readonly unknown[];

/** Tables as this build makes them, and one step further, for storages of earlier builds. */
export class NextTables implements NewTables {
  /** How many databases were opened on them. */
  readonly counts = { sqlite: 0, postgres: 0, pglite: 0 };
  readonly #folder: string;
  readonly #clients: PGlite[] = [];
  readonly #sessions = new Map<string, pg.Client>();
  /** As they were when they were made: by URL, `sqlite` and `pglite`. */
  readonly #made = new Map<string, Rows>();
  #data: Blob | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param options.postgres - Whether they are made for PostgreSQL too. */
  static async make(options: { readonly postgres: boolean }): Promise<NextTables> {
    const folder = await mkdtemp(join(tmpdir(), 'dimmer-next-tables-'));
    await cp(STEPS, join(folder, 'steps'), { recursive: true });
    const number = String((await readdir(STEPS)).filter((file) => file.endsWith('.sql')).length);
    const step = join(folder, 'steps', `${number.padStart(4, '0')}_next_release.sql`);
    await writeFile(step, `-- least reader: 0\n${NEXT_STEP}\n`);
    const tables = new NextTables(folder);
    await tables.#makeFile();
    if (options.postgres) await tables.#makeData();
    return tables;
  }

  async sqlite(path: string): Promise<void> {
    await copyFile(this.#file, path);
  }

  async postgres(url: string): Promise<void> {
    if (this.#made.has(url)) return;
    const storage = await openPostgresStorage({ ...this.#options, url });
    await storage.close();
    const session = new pg.Client({ connectionString: url });
    // The suite drops its database at its end.
    session.on('error', () => {});
    await session.connect();
    this.#sessions.set(url, session);
    this.#made.set(url, (await session.query(POSTGRES_TABLES)).rows);
  }

  pglite(): PGlite {
    const client = new PGlite({ ...(this.#data && { loadDataDir: this.#data }) });
    this.#clients.push(client);
    return client;
  }

  async opened(adapter: 'sqlite' | 'postgres' | 'pglite', place: string): Promise<void> {
    this.counts[adapter] += 1;
    expect(await this.#found(adapter, place)).toEqual(
      this.#made.get(adapter === 'postgres' ? place : adapter),
    );
  }

  async remove(): Promise<void> {
    for (const client of this.#clients) await client.close();
    for (const session of this.#sessions.values()) await session.end();
    await rm(this.#folder, { recursive: true });
  }

  get #file(): string {
    return join(this.#folder, 'next.db');
  }

  get #options() {
    const migrationsFolder = join(this.#folder, 'steps');
    return { clock: systemClock, schedule: systemSchedule, listens: false, migrationsFolder };
  }

  async #makeFile(): Promise<void> {
    await (await openSqliteStorage({ path: this.#file, clock: systemClock })).close();
    const file = new SqliteConnection(this.#file);
    file.exec(`${NEXT_STEP}
      INSERT INTO __drizzle_migrations (hash, created_at) SELECT 'next', max(created_at) + 1 FROM __drizzle_migrations`);
    file.close();
    this.#made.set('sqlite', readTables(this.#file));
  }

  async #makeData(): Promise<void> {
    const server = new PgliteServer();
    await (await openStorageOn(new PgliteConnections(server), PGLITE_TARGET, this.#options)).close();
    this.#made.set('pglite', (await server.client.query(POSTGRES_TABLES)).rows);
    this.#data = await server.client.dumpDataDir('none');
    await server.client.close();
  }

  async #found(adapter: 'sqlite' | 'postgres' | 'pglite', place: string): Promise<Rows | undefined> {
    if (adapter === 'sqlite') return readTables(place);
    if (adapter === 'postgres') return (await this.#sessions.get(place)?.query(POSTGRES_TABLES))?.rows;
    return (await this.#clients.at(-1)?.query(POSTGRES_TABLES))?.rows;
  }
}

function readTables(path: string): Rows {
  const file = new SqliteConnection(path, { readonly: true });
  try {
    return file.prepare(SQLITE_TABLES).all();
  } finally {
    file.close();
  }
}
