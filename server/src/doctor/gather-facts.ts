import type { Clock } from '../platform/clock.ts';
import { parseSettings, SETTINGS } from '../settings/settings.ts';
import type { DatabaseFacts } from '../storage/database-facts.ts';
import { sqlitePath } from '../storage/database-url.ts';
import { inspectPostgres } from '../storage/postgres/inspect-postgres.ts';
import { inspectSqlite } from '../storage/sqlite/inspect-sqlite.ts';
import type { Facts } from './facts.ts';
import { gatherMachine, newestFileAt } from './gather-machine.ts';
import { gatherServer } from './gather-server.ts';

/** What `dimmer doctor` is asked for. */
export interface DoctorOptions {
  /** A running server to look at. */
  readonly url?: string;
  /** The folder of backups. */
  readonly backups?: string;
}

/** A relay's own settings, which may lie in the same file as a server's. */
const OF_RELAYS = 'DIMMER_RELAY_';

/** Variables of the command and of programs, beside those of the server. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  'DIMMER_ADMIN_KEY',
  'DIMMER_URL',
  'DIMMER_PROJECT',
  'DIMMER_ENVIRONMENT',
  'DIMMER_KEY',
]);

/** Looks at everything, and decides nothing. It writes nowhere. */
export async function gatherFacts(
  options: DoctorOptions,
  world: {
    readonly variables: Readonly<Record<string, string | undefined>>;
    readonly version: string;
    readonly clock: Clock;
    readonly fetch: typeof globalThis.fetch;
  },
): Promise<Facts> {
  const { variables, version, clock } = world;
  const known = new Set<string>(Object.values(SETTINGS).map(({ name }) => name));
  const adminKey = variables['DIMMER_ADMIN_KEY'] || undefined;
  return {
    settings: parseSettings(variables),
    unknownVariables: Object.keys(variables).filter(
      (name) =>
        name.startsWith('DIMMER_') &&
        !name.startsWith(OF_RELAYS) &&
        !known.has(name) &&
        !OTHER_VARIABLES.has(name),
    ),
    database: await gatherDatabase(variables, clock),
    newestBackupAt: options.backups === undefined ? undefined : newestFileAt(options.backups),
    machine: gatherMachine(),
    versions: { dimmer: version, node: process.versions.node },
    server: options.url === undefined ? undefined : await gatherServer(options.url, adminKey, world),
    now: clock.now(),
  };
}

/** The setting alone counts: other faults must not keep anybody from looking at the database. */
async function gatherDatabase(
  { DIMMER_DATABASE_URL }: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Promise<DatabaseFacts> {
  const parsed = SETTINGS.databaseUrl.schema.safeParse(DIMMER_DATABASE_URL || SETTINGS.databaseUrl.default);
  if (!parsed.success) return { kind: 'unknown' };
  if (/^postgres(ql)?:/.test(parsed.data)) return inspectPostgres(parsed.data, clock);
  return inspectSqlite(sqlitePath(parsed.data), process.getuid?.());
}
