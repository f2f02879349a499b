import { StorageFault } from '../storage.ts';

/** How long a statement waits for a lock, in milliseconds. A writer that waits longer is told to come again. */
const LOCK_TIMEOUT_MS = 2_000;

/** How long a statement may take, in milliseconds. */
export const STATEMENT_TIMEOUT_MS = 5_000;

/** How long a transaction may sit between two statements, in milliseconds: a server that hung lets go of its locks. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;

/** Of `synchronous_commit`: a commit is on the disk of the server when it is acknowledged. */
const DURABLE: readonly string[] = ['on', 'local', 'remote_write', 'remote_apply'];

/** Runs a statement and gives its rows. */
export type Query = (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/**
 * Prepares a new connection: timeouts, and commits that reach the disk, read back.
 *
 * @param options.isReader - Whether a standby will do. A session of a primary never becomes one of a standby: a server
 *   that is demoted is started anew.
 * @throws StorageFault `unavailable` where the server does not let a commit wait for its disk, or is a standby.
 * @example await prepareSession(async (text) => (await client.query(text)).rows);
 */
export async function prepareSession(
  query: Query,
  { isReader = false }: { readonly isReader?: boolean } = {},
): Promise<void> {
  await query(
    `select set_config('lock_timeout', '${LOCK_TIMEOUT_MS}', false),
            set_config('statement_timeout', '${STATEMENT_TIMEOUT_MS}', false),
            set_config('idle_in_transaction_session_timeout', '${IDLE_IN_TRANSACTION_TIMEOUT_MS}', false),
            set_config('client_encoding', 'UTF8', false),
            set_config('synchronous_commit', case current_setting('synchronous_commit')
              when 'off' then 'on' else current_setting('synchronous_commit') end, false)`,
  );
  const [row] = await query(
    `select current_setting('synchronous_commit') as durability, pg_is_in_recovery() as standby`,
  );
  if (row?.['standby'] === true && !isReader) throw standbyFault();
  assertDurable(row?.['durability']);
}

/** The server is a standby: what it shows may be of earlier, and it takes no writes. A start waits for its promotion. */
export function standbyFault(): StorageFault {
  return new StorageFault(
    'unavailable',
    'It is a standby, which lags behind its primary and takes no writes. Promote it, or let DIMMER_DATABASE_URL lead to ' +
      'the primary.',
    {
      cause: new Error('pg_is_in_recovery() is true'),
      told: 'The database that the server is led to is a standby. Writes go on when it is promoted, or the primary is back.',
    },
  );
}

/** The server takes no writes, as amid a failover. A start waits until it does. */
export function readOnlyFault(): StorageFault {
  return new StorageFault(
    'unavailable',
    'It is read-only: default_transaction_read_only is on there, as amid a failover. Turn it off, or let ' +
      'DIMMER_DATABASE_URL lead to the primary.',
    { cause: new Error('transaction_read_only is on') },
  );
}

/** @throws StorageFault where commits would not wait for the disk. */
export function assertDurable(synchronousCommit: unknown): void {
  if (typeof synchronousCommit === 'string' && DURABLE.includes(synchronousCommit)) return;
  throw new StorageFault(
    'unavailable',
    `PostgreSQL runs with synchronous_commit = ${String(synchronousCommit)} where on is needed for commits to survive a ` +
      'power cut, and it cannot be set. Run ALTER ROLE ... SET synchronous_commit = on for the user of ' +
      'DIMMER_DATABASE_URL, or let Dimmer connect to PostgreSQL directly.',
  );
}
