import { Dimmer } from '@dimmer/node';
import type { RunningServer, Storage } from '@dimmer/server';
import { createLog, parseSettings, startServer } from '@dimmer/server';
import { expect, vi } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import type { FailingStorage } from './failing-storage.ts';
import { failingStorage } from './failing-storage.ts';
import { ADMIN, PRODUCTION, SERVER } from './rest-harness.ts';

export const FLAG = `${PRODUCTION}/flags/checkout-v2`;
export const user = { targetingKey: 'user-1' };

export interface Asked {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the tests are what checks the form.
  readonly body: any;
}

/** A server with two flags that are on, and a database that can be taken away from it. */
export interface Glass {
  readonly client: ClientHarness;
  readonly storage: FailingStorage;
  /** @param key - Default: an admin key. */
  ask(route: string, json?: unknown, key?: string): Promise<Asked>;
  /** Kills `checkout-v2`, and breaks the glass. */
  kill(fields?: object): Promise<Asked>;
  /** Takes the database away, and kills: a second later it is held. */
  holdWith(fault: 'unavailable' | 'full'): Promise<void>;
  /** An SDK that notes everything that it ever served of the flag. */
  follower(): Promise<{ readonly flags: Dimmer; readonly served: boolean[] }>;
  /** The flag as the database has it. */
  stored(): Promise<{ readonly kill: unknown; readonly revision: number }>;
  untilReconciled(): Promise<void>;
  /** Another server at the same database, which it reaches. */
  elsewhere(): Promise<(route: string, json?: unknown) => Promise<void>>;
  close(): Promise<void>;
}

export async function openGlass(): Promise<Glass> {
  const opened: { memory?: Storage; storage?: FailingStorage } = {};
  const client = await openClient({}, (database) => {
    opened.memory = database;
    opened.storage = failingStorage(database);
    return opened.storage;
  });
  const { memory, storage } = opened;
  if (memory === undefined || storage === undefined) throw new Error('the server was given no storage');
  await client.flag('checkout-v2');
  await client.flag('search');
  const others: RunningServer[] = [];
  const followers: Dimmer[] = [];

  const ask: Glass['ask'] = (route, json, key = ADMIN) => askAt(client.server.url, key, route, json);
  const kill = (fields: object = {}): Promise<Asked> =>
    ask(`POST ${FLAG}/kill`, { reason: 'payments time out', breakGlass: true, ...fields });
  return {
    client,
    storage,
    ask,
    kill,
    holdWith: async (fault) => {
      storage.fault = fault;
      expect((await kill()).status).toBe(202);
      client.pass(1_000);
    },
    follower: async () => {
      const flags = new Dimmer({ url: client.server.url, key: SERVER, cache: false });
      followers.push(flags);
      const served: boolean[] = [];
      flags.onChange('checkout-v2', () => void served.push(isOn(flags)));
      await flags.ready({ timeoutMs: 40_000 });
      return { flags, served };
    },
    stored: async () => (await ask(`GET ${FLAG}`)).body,
    untilReconciled: () =>
      until(async () => expect((await ask(`GET ${PRODUCTION}/held-kills`)).body.items).toEqual([])),
    elsewhere: async () => {
      const other = await startAt(memory, client);
      others.push(other);
      return async (route, json) => {
        expect((await askAt(other.url, ADMIN, route, json)).status).toBe(200);
        client.pass(1_000);
      };
    },
    close: async () => {
      for (const flags of followers.splice(0)) await flags.close();
      storage.fault = undefined;
      for (const other of others.splice(0)) await other.close();
      await client.close();
    },
  };
}

export function isOn(flags: Dimmer): boolean {
  return flags.boolean('checkout-v2', user, true);
}

export function until(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 40_000, interval: 10 });
}

async function askAt(url: string, key: string, route: string, json: unknown): Promise<Asked> {
  const [method = '', path = ''] = route.split(' ');
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
  return { status: response.status, body: await response.json() };
}

function startAt(storage: Storage, { clock }: ClientHarness): Promise<RunningServer> {
  const parsed = parseSettings({ DIMMER_PORT: '0' });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const log = createLog('silent', { write: () => undefined });
  return startServer({ settings: parsed.settings, storage, log, version: 'test', clock });
}
