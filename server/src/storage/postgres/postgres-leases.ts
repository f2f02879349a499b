import { and, eq, sql } from 'drizzle-orm';
import type { Lease, LeaseStore } from '../lease-store.ts';
import type { Database } from './connections.ts';
import { leases } from './tables.ts';

/** Runs work on a connection. */
type Use = <T>(work: (database: Database) => Promise<T>) => Promise<T>;

/** Leases in the table `leases`, by the clock of PostgreSQL. */
export class PostgresLeases implements LeaseStore {
  readonly #use: Use;

  constructor(use: Use) {
    this.#use = use;
  }

  async acquire(name: string, holder: string, durationMs: number): Promise<Lease | undefined> {
    const until = sql`clock_timestamp() + ${durationMs}::float8 * interval '1 millisecond'`;
    // Whoever does not get it writes nothing and locks nothing: all servers ask each second.
    const { rows } = await this.#use((database) =>
      database.execute<{ token: string }>(sql`
        with taken as (
          update leases set
            token = case when holder = ${holder} and until > clock_timestamp() then token else token + 1 end,
            holder = ${holder},
            until = ${until}
          where name = ${name} and (holder = ${holder} or until <= clock_timestamp())
          returning token
        ), made as (
          insert into leases (name, holder, token, until)
          select ${name}, ${holder}, 1, ${until}
          where not exists (select from leases where name = ${name})
          on conflict (name) do nothing
          returning token
        )
        select token::text from taken union all select token::text from made`),
    );
    const [row] = rows;
    return row && { name, holder, token: Number(row.token) };
  }

  async release({ name, token }: Lease): Promise<void> {
    await this.#use(async (database) => {
      const isHeld = and(eq(leases.name, name), eq(leases.token, token));
      await database.update(leases).set({ until: sql`'-infinity'` }).where(isHeld);
    });
  }
}

/**
 * Whether nobody has held a lease since. Nobody can take it before the transaction has ended: that would have to write
 * the row, which is locked from here on.
 */
export async function isCurrent(database: Database, { name, holder, token }: Lease): Promise<boolean> {
  const { rows } = await database.execute<{ holder: string; token: string }>(
    sql`select holder, token::text from leases where name = ${name} for share`,
  );
  // Where the database lost commits, another may have drawn the same number.
  return rows[0]?.holder === holder && Number(rows[0].token) === token;
}
