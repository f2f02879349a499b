import { DrizzleQueryError } from 'drizzle-orm/errors';
import { StorageFault } from '../storage.ts';
import { tlsRemedyOf } from './tls.ts';

/** Where the database is, for messages: never with its password. */
export interface DatabaseTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** A connection could not be had, or leads where nobody should go. */
export class ConnectFault extends Error {
  override readonly name = 'ConnectFault';
}

/** SQLSTATE of what is worth the same transaction again: serialization_failure, deadlock_detected. */
const REPEATABLE = /^(40001|40P01)$/;

/** The server is going away, or the connection to it: connection_exception, operator_intervention. */
const GONE = /^(08|57P)/;

/** The same, no connection left, a lock that others held too long, a timeout, a server that is read-only. */
const PASSING = /^(08|57P|53300|55P03|57014|25006)/;

/** read_only_sql_transaction: a primary that was demoted, or was made to take no writes. */
const READ_ONLY = '25006';

/**
 * insufficient_resources but for the disk, lock_not_available, query_canceled (a timeout), idle transactions that were
 * ended, a server that is read-only, rights, a database or schema that is gone, system errors.
 */
const UNAVAILABLE = /^(53(?!100)|55P03|57014|25P0[34]|25006|28|3D000|3F000|42501|58)/;

/**
 * Names what the world did wrong. Anything that is not the world's fault (a broken constraint, a defect of a planner)
 * comes back as it is, without the parameters that drizzle adds to messages.
 */
export function faultOf(error: unknown, target: DatabaseTarget): unknown {
  if (error instanceof StorageFault) return error;
  const cause = driverErrorOf(error);
  const code = sqlStateOf(cause);
  if (isPanic(cause)) return unavailable(target, cause, code);
  if (code === '53100') return full(target, cause);
  if (code !== undefined && /^(XX001|XX002)$/.test(code)) return damaged(target, cause);
  if (isTrouble(error) || (code !== undefined && (UNAVAILABLE.test(code) || REPEATABLE.test(code)))) {
    return unavailable(target, cause, code);
  }
  return cause;
}

/** Whether the server does not answer at all: no statement would fare better now. */
export function isTrouble(error: unknown): boolean {
  const cause = driverErrorOf(error);
  const code = sqlStateOf(cause);
  return code === undefined ? isOfConnection(error) : GONE.test(code) || isPanic(cause);
}

/**
 * Whether a start that failed may go well by itself: nobody answers yet, or the server starts, recovers, has no connection
 * left, or takes no writes, as amid a failover. What a person has to correct does not pass, and is thrown without a cause.
 */
export function isPassing(fault: unknown): boolean {
  if (!(fault instanceof StorageFault) || !(fault.cause instanceof Error)) return false;
  const code = sqlStateOf(fault.cause);
  if (code !== undefined) return PASSING.test(code);
  return fault.fault === 'unavailable' && tlsRemedyFor(fault.cause) === undefined;
}

/** Whether a transaction may be run again from the start: it was rolled back for the sake of another. */
export function isRepeatable(error: unknown): boolean {
  const code = sqlStateOf(driverErrorOf(error));
  return code !== undefined && REPEATABLE.test(code);
}

/** Whether a statement gave up waiting for a lock. */
export function isLockTimeout(error: unknown): boolean {
  return sqlStateOf(driverErrorOf(error)) === '55P03';
}

/**
 * Whether a connection may be in the middle of something, gone, or lead to a server that is not the primary any more: it
 * must not be used again.
 */
export function isConnectionDoubtful(error: unknown): boolean {
  return isTrouble(error) || sqlStateOf(driverErrorOf(error)) === READ_ONLY;
}

/** What callers are told of a fault; `undefined`: nothing but that there is one. */
export function toldOf(error: unknown): string | undefined {
  const cause = driverErrorOf(error);
  if (cause instanceof StorageFault) return cause.told;
  return sqlStateOf(cause) === READ_ONLY ? 'The database takes no writes: it is read-only.' : undefined;
}

/** The error that says what happened: libraries wrap those of the driver. */
function driverErrorOf(error: unknown): unknown {
  return error instanceof DrizzleQueryError || error instanceof ConnectFault ? (error.cause ?? error) : error;
}

function tlsRemedyFor(error: unknown): string | undefined {
  return tlsRemedyOf(systemCodeOf(error), messageOf(error));
}

/** What the driver throws without an answer of the server is about the connection: timeouts, sockets, names. */
function isOfConnection(error: unknown): boolean {
  return error instanceof DrizzleQueryError || error instanceof ConnectFault;
}

function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  return 'severity' in error ? error.code : undefined;
}

/**
 * The last word of a server that crashes, at a write-ahead log that cannot grow for one: 53100 then does not say that nothing
 * was written. In other languages it has other names, and mostly it does not arrive at all.
 */
function isPanic(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'PANIC';
}

function full(target: DatabaseTarget, cause: unknown): StorageFault {
  return new StorageFault(
    'full',
    `There is no space left on the disk of ${nameOf(target)} (53100). Nothing was written, reads go on. Free space on ` +
      'it; writes resume by themselves.',
    { cause },
  );
}

function damaged(target: DatabaseTarget, cause: unknown): StorageFault {
  return new StorageFault(
    'damaged',
    `${nameOf(target)} is damaged (${messageOf(cause)}). Restore it from a backup, or rebuild the index that is named.`,
    { cause },
  );
}

function unavailable(target: DatabaseTarget, cause: unknown, code: string | undefined): StorageFault {
  const why = cause instanceof StorageFault ? '' : ` (${code ?? systemCodeOf(cause)})`;
  return new StorageFault(
    'unavailable',
    `${nameOf(target)} cannot be used right now${why}: ${messageOf(cause)}. ${
      remedyOf(cause, target) ?? 'It is tried again by itself.'
    }`,
    { cause, told: toldOf(cause) },
  );
}

/** What a person has to do about an error of the driver; `undefined` where there is nothing to correct. */
export function remedyOf(error: unknown, { host, port, user, database }: DatabaseTarget): string | undefined {
  const tlsRemedy = tlsRemedyFor(error);
  if (tlsRemedy !== undefined) return tlsRemedy;
  switch (sqlStateOf(error) ?? systemCodeOf(error)) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return `Start PostgreSQL there, or correct the host and port in DIMMER_DATABASE_URL.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `Correct the host name ${host} in DIMMER_DATABASE_URL.`;
    case '28P01':
    case '28000':
      if (user === '') return 'Name a user in DIMMER_DATABASE_URL: postgres://dimmer@db.example:5432/dimmer.';
      return `Correct the user ${user} and the password in DIMMER_DATABASE_URL, or let them in with pg_hba.conf.`;
    case '3D000':
      return `Create it: createdb -h ${host} -p ${port} -U ${user} ${database}`;
    case '3F000':
    case '42501':
      return `Let the user ${user} make tables there: GRANT CREATE, USAGE ON SCHEMA public TO ${user};`;
    case READ_ONLY:
      return 'It is no primary any more, or default_transaction_read_only is on there. The next attempt connects anew.';
    case '53300':
      return 'Lower DIMMER_DATABASE_CONNECTIONS_MAX, or raise max_connections of PostgreSQL.';
    default:
      return undefined;
  }
}

/** @example nameOf(target) // 'The database dimmer at db.internal:5432' */
export function nameOf({ host, port, database }: DatabaseTarget): string {
  return `The database ${database} at ${host}:${port}`;
}

function systemCodeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : 'no answer';
}

function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Node gives no message where every address of a name refused.
  return cause.message === '' ? systemCodeOf(cause) : cause.message.replace(/\.$/, '');
}
