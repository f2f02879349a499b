import { z } from 'zod';
import type { ApiKey } from '../access/api-key.ts';
import { kindOfSecret } from '../access/secret.ts';
import { trustedProxies } from '../http/client-address.ts';
import { ANY_ORIGIN } from '../http/cross-origin.ts';
import { LOG_LEVELS } from '../platform/log.ts';
import { isPostgresUrl, redactedUrl } from '../storage/database-url.ts';
import type { ParsedSettings, SettingRow, SettingsOf } from './setting-table.ts';
import { list, parseTable, wholeNumber } from './setting-table.ts';

/**
 * Every setting of the server, in one table: parsing, `dimmer serve --help` and docs/settings.md are made
 * from it.
 */
export const SETTINGS = {
  host: {
    name: 'DIMMER_HOST',
    type: 'host name or address',
    default: '127.0.0.1',
    unit: null,
    description: 'Where the server listens. `0.0.0.0` or `::` opens it to other machines.',
    remedy: 'Give an address of this machine.',
    schema: z.string().min(1, 'must not be empty'),
  },
  port: {
    name: 'DIMMER_PORT',
    type: 'whole number, 0 to 65535',
    default: '4400',
    unit: null,
    description: 'The TCP port. 0 takes any that is free.',
    remedy: 'Give a port number.',
    schema: wholeNumber(0, 65_535),
  },
  databaseUrl: {
    name: 'DIMMER_DATABASE_URL',
    type: 'URL',
    default: 'file:./data/dimmer.db',
    unit: null,
    shown: redactedUrl,
    description:
      'Where everything is kept: `file:` and the path of a SQLite file, which is made when absent; or `postgres://` and user, host and database.',
    remedy:
      'Give a file, such as file:./data/dimmer.db, or a database, such as postgres://dimmer@db.example:5432/dimmer.',
    schema: z
      .string()
      .refine(
        (url) => /^(file:.|postgres(ql)?:)/.test(url),
        'must start with `file:` and name a file, or with `postgres://` and name a database',
      )
      .refine(
        (url) => !isPostgresUrl(url) || (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)),
        'must be a URL after `postgres://`, with what is special in its password percent-encoded',
      ),
  },
  databaseConnectionsMax: {
    name: 'DIMMER_DATABASE_CONNECTIONS_MAX',
    type: 'whole number, 4 to 1000',
    default: '10',
    unit: 'connections',
    description:
      'How many connections this server opens to PostgreSQL at most: one listens, a tenth is for reports, the rest is for reads and writes in equal parts.',
    remedy:
      'Give a number of connections; all servers together must stay below max_connections of PostgreSQL.',
    schema: wholeNumber(4, 1000),
  },
  heldKillsDir: {
    name: 'DIMMER_HELD_KILLS_DIR',
    type: 'path of a folder',
    default: null,
    unit: null,
    description:
      'Where kills are kept that the server holds while its database is away, so that a restart does not lose them. It is made when absent. Not set: beside a SQLite file; with PostgreSQL nowhere.',
    remedy:
      'Give a folder that this server may write to, that no other server uses and that outlives the process.',
    schema: z.string().min(1, 'must not be empty').optional(),
  },
  bootstrapAdminKey: {
    name: 'DIMMER_BOOTSTRAP_ADMIN_KEY',
    type: 'key',
    isSecret: true,
    default: null,
    unit: null,
    description: 'An admin key of the whole server that is added at start when it is not known yet.',
    remedy: 'Give `dim_adm_` and at least 32 letters or digits, or nothing.',
    schema: bootstrapKey('admin', 'dim_adm_'),
  },
  bootstrapServerKey: {
    name: 'DIMMER_BOOTSTRAP_SERVER_KEY',
    type: 'key',
    isSecret: true,
    default: null,
    unit: null,
    description: 'The same for a server key of project `default`, environment `production`.',
    remedy: 'Give `dim_srv_` and at least 32 letters or digits, or nothing.',
    schema: bootstrapKey('server', 'dim_srv_'),
  },
  bootstrapClientKey: {
    name: 'DIMMER_BOOTSTRAP_CLIENT_KEY',
    type: 'key',
    isSecret: true,
    default: null,
    unit: null,
    description: 'The same for a client key of project `default`, environment `production`.',
    remedy: 'Give `dim_cli_` and at least 32 letters or digits, or nothing.',
    schema: bootstrapKey('client', 'dim_cli_'),
  },
  logLevel: {
    name: 'DIMMER_LOG_LEVEL',
    type: LOG_LEVELS.join(', '),
    default: 'info',
    unit: null,
    description: 'The least that is logged. The log is JSON lines on standard error.',
    remedy: `Choose one of ${LOG_LEVELS.join(', ')}.`,
    schema: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }),
  },
  heartbeatMs: {
    name: 'DIMMER_HEARTBEAT_MS',
    type: 'whole number, 1000 to 60000',
    default: '15000',
    unit: 'milliseconds',
    description: 'How often an idle stream says that it lives. SDKs give a stream up after three times that.',
    remedy: 'Give a number of milliseconds below the idle timeout of every proxy on the way.',
    schema: wholeNumber(1000, 60_000),
  },
  streamAgeMs: {
    name: 'DIMMER_STREAM_AGE_MS',
    type: 'whole number, 1000 to 86400000',
    default: '3600000',
    unit: 'milliseconds',
    description:
      'The greatest age of a stream. Each ends at some time between half of it and all of it, and its SDK comes back.',
    remedy: 'Give a number of milliseconds.',
    schema: wholeNumber(1000, 86_400_000),
  },
  streamsMax: {
    name: 'DIMMER_STREAMS_MAX',
    type: 'whole number, 1 to 100000',
    default: '15000',
    unit: 'streams',
    description: 'How many streams may be open. SDKs beyond it are told to poll, and when to ask again.',
    remedy: 'Give a number of streams, below the limit of open files of the process.',
    schema: wholeNumber(1, 100_000),
  },
  streamsPerKeyMax: {
    name: 'DIMMER_STREAMS_PER_KEY_MAX',
    type: 'whole number, 1 to 100000',
    default: '10000',
    unit: 'streams',
    description: 'How many of them one key may have.',
    remedy: 'Give a number of streams.',
    schema: wholeNumber(1, 100_000),
  },
  streamsPerSecondMax: {
    name: 'DIMMER_STREAMS_PER_SECOND_MAX',
    type: 'whole number, 1 to 100000',
    default: '1000',
    unit: 'streams',
    description: 'How many streams may be opened in a second.',
    remedy: 'Give a number of streams.',
    schema: wholeNumber(1, 100_000),
  },
  clientStreamsShare: {
    name: 'DIMMER_CLIENT_STREAMS_SHARE',
    type: 'whole number, 1 to 100',
    default: '80',
    unit: 'percent',
    description:
      'How much of DIMMER_STREAMS_MAX and DIMMER_STREAMS_PER_SECOND_MAX browsers and OFREP may take. The rest is left to server keys.',
    remedy: 'Give a percentage; 100 keeps nothing free for server keys.',
    schema: wholeNumber(1, 100),
  },
  drainAcceptMs: {
    name: 'DIMMER_DRAIN_ACCEPT_MS',
    type: 'whole number, 0 to 60000',
    default: '5000',
    unit: 'milliseconds',
    description: 'After SIGTERM, for how long new requests are still taken while /readyz says 503.',
    remedy: 'Give a number of milliseconds, above the interval of the readiness probe times its failures.',
    schema: wholeNumber(0, 60_000),
  },
  drainSpreadMs: {
    name: 'DIMMER_DRAIN_SPREAD_MS',
    type: 'whole number, 0 to 60000',
    default: '10000',
    unit: 'milliseconds',
    description: 'After that, over what time streams are sent away.',
    remedy: 'Give a number of milliseconds.',
    schema: wholeNumber(0, 60_000),
  },
  corsOrigins: {
    name: 'DIMMER_CORS_ORIGINS',
    type: 'origins, separated by commas, or *',
    default: '',
    unit: null,
    description:
      'Whose pages may ask with a client key: exact origins such as `https://shop.example`, or `*` for any. Empty: pages of the server itself.',
    remedy: 'Give scheme, host and port of each origin, without a path, or `*` alone.',
    schema: list(
      (origin) => isOrigin(origin) || origin === ANY_ORIGIN,
      'must be exact origins, such as https://shop.example, or * alone',
    ).refine((origins) => origins.length <= 1 || !origins.includes(ANY_ORIGIN), 'must have * alone, or not'),
  },
  trustedProxies: {
    name: 'DIMMER_TRUSTED_PROXIES',
    type: 'CIDR blocks, separated by commas',
    default: '',
    unit: null,
    description:
      'The proxies whose `X-Forwarded-For` says where a request comes from. Empty: where the connection comes from.',
    remedy: 'Give blocks such as 10.0.0.0/8 or ::1/128.',
    schema: list((block) => trustedProxies([block]) !== undefined, 'must be CIDR blocks'),
  },
  clientRequestsPerSecond: {
    name: 'DIMMER_CLIENT_REQUESTS_PER_SECOND',
    type: 'whole number, 1 to 100000',
    default: '50',
    unit: 'requests per second',
    description: 'How many requests with client keys one address may send; twice as many at once.',
    remedy: 'Give a number of requests.',
    schema: wholeNumber(1, 100_000),
  },
  clientKeyRequestsPerSecond: {
    name: 'DIMMER_CLIENT_KEY_REQUESTS_PER_SECOND',
    type: 'whole number, 1 to 1000000',
    default: '2000',
    unit: 'requests per second',
    description: 'How many requests may come with one client key; twice as many at once.',
    remedy: 'Give a number of requests.',
    schema: wholeNumber(1, 1_000_000),
  },
  historyRevisions: {
    name: 'DIMMER_HISTORY_REVISIONS',
    type: 'whole number, 1 to 1000000',
    default: '1000',
    unit: 'revisions',
    description: 'How many revisions of each environment are kept for diff, revert and resuming streams.',
    remedy: 'Give a number of revisions.',
    schema: wholeNumber(1, 1_000_000),
  },
  historyDays: {
    name: 'DIMMER_HISTORY_DAYS',
    type: 'whole number, 0 to 3650',
    default: '7',
    unit: 'days',
    description: 'For how long revisions are kept. What either of the two keeps is kept.',
    remedy: 'Give a number of days.',
    schema: wholeNumber(0, 3650),
  },
  exposureDays: {
    name: 'DIMMER_EXPOSURE_DAYS',
    type: 'whole number, 1 to 365',
    default: '3',
    unit: 'days',
    description: 'For how long counted exposures are kept, by flag, variation, reason and minute.',
    remedy: 'Give a number of days.',
    schema: wholeNumber(1, 365),
  },
  metrics: {
    name: 'DIMMER_METRICS',
    type: 'true, false',
    default: 'true',
    unit: null,
    description: 'Whether GET /metrics answers, in the format of Prometheus and without a key.',
    remedy: 'Give true or false.',
    schema: z
      .enum(['true', 'false'], { error: 'must be true or false' })
      .transform((text) => text === 'true'),
  },
} as const satisfies Record<string, SettingRow>;

/** What the server is set to. Immutable. */
export type Settings = SettingsOf<typeof SETTINGS>;

/**
 * Reads the server's settings from environment variables. An empty variable counts as not set.
 *
 * @example parseSettings({ DIMMER_PORT: '8080' })
 */
export function parseSettings(
  environment: Readonly<Record<string, string | undefined>>,
): ParsedSettings<Settings> {
  return parseTable(SETTINGS, environment);
}

/** As browsers write it: `null`, paths and upper case are none. */
function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

function bootstrapKey(kind: ApiKey['kind'], prefix: string): z.ZodType<string | undefined> {
  return z
    .string()
    .refine((text) => kindOfSecret(text) === kind, `must be \`${prefix}\` and at least 32 letters or digits`)
    .optional();
}
