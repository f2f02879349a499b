import { randomBytes } from 'node:crypto';
import type { Clock, Settings } from '@dimmer/server';
import { createLog, MemoryStorage, parseSettings, startServer, systemClock } from '@dimmer/server';
import { freePort } from '../faults/server-process.ts';

const ENVIRONMENT = '/api/v1/projects/default/environments/production';

/** A server of this process on a port of its own, over an empty in-memory storage. */
export interface LiveServer {
  readonly url: string;
  readonly port: number;
  readonly serverKey: string;
  readonly clientKey: string;
  /** What it logged, as JSON lines. */
  readonly log: readonly string[];
  /** Asks the REST API; any answer that is no success throws. @returns The body. */
  rest(method: string, path: string, json?: unknown): Promise<Record<string, unknown>>;
  /** Declares the flags of default/production. @returns The revision. */
  declare(flags: readonly object[]): Promise<number>;
  /** Patches the configuration of a flag there. @returns The revision. */
  patch(flag: string, patch: object): Promise<number>;
  close(): Promise<void>;
}

/** How a server differs from one that is set to nothing. */
export interface LiveOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  /** Default: any that is free. */
  readonly port?: number;
}

/** @example const server = await startLive(); await server.declare([booleanFlag('checkout-v2', true)]); */
export async function startLive(options: LiveOptions = {}): Promise<LiveServer> {
  const { environment = {}, clock = systemClock, port = await freePort() } = options;
  const secret = (prefix: string): string => prefix + randomBytes(20).toString('hex');
  const [adminKey, serverKey, clientKey] = [secret('dim_adm_'), secret('dim_srv_'), secret('dim_cli_')];
  const log: string[] = [];
  const server = await startServer({
    settings: settingsOf(
      {
        DIMMER_PORT: String(port),
        DIMMER_BOOTSTRAP_ADMIN_KEY: adminKey,
        DIMMER_BOOTSTRAP_SERVER_KEY: serverKey,
        DIMMER_BOOTSTRAP_CLIENT_KEY: clientKey,
        DIMMER_DRAIN_ACCEPT_MS: '0',
        DIMMER_DRAIN_SPREAD_MS: '0',
        ...environment,
      },
      port,
    ),
    storage: new MemoryStorage({ clock }),
    log: createLog('debug', { write: (line) => void log.push(line) }),
    version: '0.0.0-test',
    clock,
  });
  const rest: LiveServer['rest'] = async (method, path, json) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? {} : JSON.parse(text);
  };
  return {
    url: server.url,
    port: server.port,
    serverKey,
    clientKey: environment['DIMMER_BOOTSTRAP_CLIENT_KEY'] ?? clientKey,
    log,
    rest,
    declare: async (flags) => Number((await rest('PUT', `${ENVIRONMENT}/state`, { flags }))['revision']),
    patch: async (flag, patch) =>
      Number((await rest('PATCH', `${ENVIRONMENT}/flags/${flag}`, patch))['revision']),
    close: () => server.close(),
  };
}

/** A boolean flag that browsers may see, declared with its configuration. */
export function booleanFlag(
  key: string,
  value: boolean,
  configuration: object = {},
  flag: object = {},
): object {
  return {
    key,
    exposeToClients: true,
    ...flag,
    configuration: {
      enabled: true,
      offVariation: 'off',
      fallthrough: { variation: value ? 'on' : 'off' },
      ...configuration,
    },
  };
}

/** A flag that differs by an attribute. */
export function planFlag(key: string): object {
  const rules = [
    { id: 'pro', when: { attribute: 'plan', op: 'in', values: ['pro'] }, serve: { variation: 'on' } },
  ];
  return booleanFlag(key, false, { rules });
}

function settingsOf(environment: Readonly<Record<string, string>>, port: number): Settings {
  const parsed = parseSettings(environment);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return { ...parsed.settings, port };
}
