import { z } from 'zod';
import { kindOfSecret } from '../access/secret.ts';
import type { ParsedSettings, SettingRow, SettingsOf } from '../settings/setting-table.ts';
import { list, parseTable } from '../settings/setting-table.ts';
import { SETTINGS } from '../settings/settings.ts';

/** Every setting of a relay, in one table. What a server has too is set by the same variable. */
export const RELAY_SETTINGS = {
  upstream: {
    name: 'DIMMER_RELAY_UPSTREAM',
    type: 'URL',
    default: null,
    unit: null,
    description: 'The server, or another relay, that environments are followed at.',
    remedy: 'Give its address, such as https://flags.example.',
    schema: z
      .string({ error: 'is not set' })
      .refine(isAddress, 'must be an http or https URL without user, query and fragment')
      .transform((text) => new URL(text.endsWith('/') ? text : `${text}/`)),
  },
  keys: {
    name: 'DIMMER_RELAY_KEYS',
    type: 'server keys, separated by commas',
    isSecret: true,
    default: null,
    unit: null,
    description: 'A server key of each environment that is relayed. Each is one environment.',
    remedy: 'Give keys that begin with `dim_srv_`.',
    schema: list((word) => kindOfSecret(word) === 'server', 'must be server keys')
      .refine((keys) => keys.length > 0, 'is not set')
      .refine((keys) => new Set(keys).size === keys.length, 'names a key twice'),
  },
  cache: {
    name: 'DIMMER_RELAY_CACHE',
    type: 'path of a folder',
    default: './data/relay',
    unit: null,
    description:
      'Where the copies are kept, so that the relay starts while the upstream is away. It is made when absent.',
    remedy: 'Give a folder that the relay may write to and nobody else uses.',
    schema: z.string().min(1, 'must not be empty'),
  },
  name: {
    name: 'DIMMER_RELAY_NAME',
    type: 'text of at most 100 characters',
    default: null,
    unit: null,
    description:
      'How the relay is called in the list of instances, as `via`. Not set: the name of the machine.',
    remedy: 'Give a short name.',
    schema: z.string().max(100, 'must have at most 100 characters').optional(),
  },
  breakGlassKey: {
    name: 'DIMMER_RELAY_BREAK_GLASS_KEY',
    type: 'key',
    isSecret: true,
    default: null,
    unit: null,
    description:
      'An admin key of the upstream, with which kills are taken here while that is away. Not set: they are not.',
    remedy: 'Give an admin key that may kill there, or nothing.',
    schema: z
      .string()
      .refine((text) => kindOfSecret(text) === 'admin', 'must be an admin key (dim_adm_…)')
      .optional(),
  },
  host: SETTINGS.host,
  port: SETTINGS.port,
  logLevel: SETTINGS.logLevel,
  heartbeatMs: SETTINGS.heartbeatMs,
  streamAgeMs: SETTINGS.streamAgeMs,
  streamsMax: SETTINGS.streamsMax,
  streamsPerKeyMax: SETTINGS.streamsPerKeyMax,
  streamsPerSecondMax: SETTINGS.streamsPerSecondMax,
  clientStreamsShare: SETTINGS.clientStreamsShare,
  drainAcceptMs: SETTINGS.drainAcceptMs,
  drainSpreadMs: SETTINGS.drainSpreadMs,
  corsOrigins: SETTINGS.corsOrigins,
  trustedProxies: SETTINGS.trustedProxies,
  clientRequestsPerSecond: SETTINGS.clientRequestsPerSecond,
  clientKeyRequestsPerSecond: SETTINGS.clientKeyRequestsPerSecond,
  metrics: SETTINGS.metrics,
} as const satisfies Record<string, SettingRow>;

/** What a relay is set to. Immutable. */
export type RelaySettings = SettingsOf<typeof RELAY_SETTINGS>;

/** Reads a relay's settings from environment variables. An empty variable counts as not set. */
export function parseRelaySettings(
  environment: Readonly<Record<string, string | undefined>>,
): ParsedSettings<RelaySettings> {
  return parseTable(RELAY_SETTINGS, environment);
}

function isAddress(text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return [username, password, search, hash].every((part) => part === '');
}
