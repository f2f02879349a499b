import { and, eq, gte, ne, sql } from 'drizzle-orm';
import type { InstanceNews, InstanceStore, SharedInstance } from '../instance-store.ts';
import { SERVER_SILENT_AFTER_MS, SHARED_KEPT_MS } from '../instance-store.ts';
import type { Database } from './connections.ts';
import { instances, servers } from './tables.ts';

/** Runs work on a connection for reports. */
type Use = <T>(work: (database: Database) => Promise<T>) => Promise<T>;

const NOW = sql`clock_timestamp()`;

/** Instances in the tables `instances` and `servers`. They are not logged: what a crash takes is shared anew. */
export class PostgresInstances implements InstanceStore {
  readonly #use: Use;

  constructor(use: Use) {
    this.#use = use;
  }

  async write(server: string, shared: readonly SharedInstance[]): Promise<void> {
    await this.#use(async (database) => {
      await database.execute(sql`
        insert into servers (id, seen_at) values (${server}, ${NOW})
        on conflict (id) do update set seen_at = excluded.seen_at`);
      if (shared.length > 0) await writeAll(database, server, shared);
    });
  }

  async read(server: string, since?: number): Promise<InstanceNews> {
    return this.#use(async (database) => {
      // First: what is shared while the rows are read is read again next time.
      const { rows } = await database.execute<{ at: string; id: string | null }>(sql`
        select (extract(epoch from ${NOW}) * 1000)::float8::text as at, servers.id
        from (select 1) as one left join servers
          on servers.seen_at >= ${NOW} - ${SERVER_SILENT_AFTER_MS}::float8 * interval '1 millisecond'`);
      const read = await database
        .select({
          server: instances.server,
          project: instances.project,
          environment: instances.environment,
          id: instances.id,
          document: instances.document,
        })
        .from(instances)
        .where(
          and(
            ne(instances.server, server),
            since === undefined ? undefined : gte(instances.at, sql`to_timestamp(${since}::float8 / 1000)`),
          ),
        );
      const alive = rows.flatMap(({ id }) => (id === null ? [] : [id]));
      return { instances: read, servers: new Set(alive), at: Number(rows[0]?.at) };
    });
  }

  async leave(server: string): Promise<void> {
    await this.#use(async (database) => {
      await database.delete(servers).where(eq(servers.id, server));
    });
  }

  async prune(): Promise<void> {
    const old = sql`${NOW} - ${SHARED_KEPT_MS}::float8 * interval '1 millisecond'`;
    await this.#use(async (database) => {
      await database.execute(sql`delete from instances where at < ${old}`);
      await database.execute(sql`delete from servers where seen_at < ${old}`);
    });
  }
}

async function writeAll(
  database: Database,
  server: string,
  shared: readonly SharedInstance[],
): Promise<void> {
  const rows = shared.map(({ project, environment, id, document }) => ({
    server,
    project,
    environment,
    id,
    document,
    at: NOW,
  }));
  await database
    .insert(instances)
    .values(rows)
    .onConflictDoUpdate({
      target: [instances.server, instances.project, instances.environment, instances.id],
      set: { document: sql`excluded.document`, at: sql`excluded.at` },
    });
}
