import { Client } from 'pg';
import type { Clock } from '../../platform/clock.ts';
import type { DatabaseFacts } from '../database-facts.ts';
import { knownSteps } from '../known-steps.ts';
import { targetOf } from './pg-connections.ts';
import type { DatabaseTarget } from './postgres-fault.ts';
import { remedyOf } from './postgres-fault.ts';
import { driverUrl } from './tls.ts';

/** How long is waited for a connection, and for an answer. */
const PATIENCE_MS = 5_000;

const FACTS = `
  select current_setting('server_version') as version,
         current_setting('server_encoding') as encoding, current_user::text as user_name,
         array(select kind from unnest(array['USAGE', 'CREATE']) as kind
                where not coalesce((select has_schema_privilege(oid, kind) from pg_namespace where nspname = 'public'), false)
              ) as missing_rights,
         current_setting('synchronous_commit') as synchronous_commit,
         current_setting('fsync')::boolean as forces_to_disk,
         current_setting('max_connections')::int as connections_max,
         (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as connections,
         pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean as is_read_only,
         (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
         to_regclass('dimmer_migrations') is not null as has_tables`;

/** Looks at a PostgreSQL database over one connection of its own, with nothing but reads. */
export async function inspectPostgres(url: string, clock: Clock): Promise<DatabaseFacts> {
  const what = nameOf(url);
  let target: DatabaseTarget;
  try {
    target = targetOf(url);
  } catch (cause) {
    return { kind: 'unreachable', what, cause: `${reasonOf(cause)}.`, remedy: undefined };
  }
  const client = new Client({
    connectionString: driverUrl(url),
    connectionTimeoutMillis: PATIENCE_MS,
    query_timeout: PATIENCE_MS,
    application_name: 'dimmer doctor',
  });
  // A connection that breaks later than its query is nobody's fault here.
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    const askedAt = clock.now();
    const { rows } = await client.query(FACTS);
    const roundTripMs = clock.now() - askedAt;
    const [facts] = rows;
    return {
      kind: 'postgres',
      version: String(facts.version),
      encoding: String(facts.encoding),
      missingRights: [facts.missing_rights].flat().map(String),
      user: String(facts.user_name),
      synchronousCommit: String(facts.synchronous_commit),
      forcesToDisk: facts.forces_to_disk === true,
      clockAheadMs: Math.round(Number(facts.now_ms) - (askedAt + roundTripMs / 2)),
      roundTripMs,
      connectionsMax: Number(facts.connections_max),
      connections: Number(facts.connections),
      isReadOnly: facts.is_read_only === true,
      steps: facts.has_tables === true ? await stepsIn(client) : undefined,
      knownSteps: knownSteps('postgres'),
    };
  } catch (cause) {
    return {
      kind: 'unreachable',
      what,
      cause: `${reasonOf(cause)}.`,
      remedy: remedyOf(cause, target),
    };
  } finally {
    await client.end().catch(() => {});
  }
}

async function stepsIn(client: Client): Promise<number> {
  const { rows } = await client.query('select count(*)::int as steps from dimmer_migrations');
  return Number(rows[0]?.steps);
}

/** Where the URL leads, without user and password. */
function nameOf(url: string): string {
  if (!URL.canParse(url)) return 'PostgreSQL';
  const { host, pathname } = new URL(url);
  return `PostgreSQL at ${host}${pathname}`;
}

function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ');
  return cause instanceof Error ? cause.message.replace(/\.$/, '') : 'no answer';
}
