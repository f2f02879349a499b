import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Listening } from '@dimmer/server';
import { createLog, parseRelaySettings, startRelay } from '@dimmer/server';
import { SERVER } from './rest-harness.ts';

/** A relay, whose way to the upstream can be cut. */
export interface RelayHarness {
  readonly url: string;
  readonly log: readonly string[];
  /** Cuts what is open to the upstream, and lets nothing through until it is back. */
  cut(): void;
  mend(): void;
  /** Sends everything to another upstream from now on, and cuts what is open. */
  turnTo(url: string): void;
  /** A request with a key. */
  ask(path: string, options?: RelayAsk): Promise<Response>;
  /** Waits until `/readyz` answers with this. */
  until(standing: { readonly status?: string; readonly upstream?: string }): Promise<void>;
  /** Ends the process's part of it; the cache stays. */
  stop(): Promise<void>;
  /** The same relay again, over its cache. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface RelayAsk {
  readonly method?: string;
  readonly key?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RelayHarnessOptions {
  readonly upstream: string;
  readonly name?: string;
  readonly key?: string;
  readonly isCut?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function openRelay(options: RelayHarnessOptions): Promise<RelayHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'dimmer-relay-'));
  const log: string[] = [];
  const way = createWay(options.upstream, options.isCut ?? false);
  const parsed = parseRelaySettings({
    DIMMER_RELAY_UPSTREAM: options.upstream,
    DIMMER_RELAY_KEYS: options.key ?? SERVER,
    DIMMER_RELAY_CACHE: folder,
    DIMMER_PORT: '0',
    DIMMER_HEARTBEAT_MS: '1000',
    ...options.environment,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const start = (): Promise<Listening> =>
    startRelay({
      settings: parsed.settings,
      name: options.name ?? 'relay-1',
      version: '0.0.0-test',
      log: createLog('debug', { write: (line) => void log.push(line) }),
      fetch: way.fetch,
    });
  let relay = await start();
  const harness: RelayHarness = {
    get url() {
      return relay.url;
    },
    log,
    cut: way.cut,
    mend: way.mend,
    turnTo: way.turnTo,
    ask: (path, { method = 'GET', key = SERVER, body, headers } = {}) =>
      fetch(`${relay.url}${path}`, {
        method,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    until: async (standing) => {
      const deadline = Date.now() + 40_000;
      for (;;) {
        const answer = await fetch(`${relay.url}/readyz`);
        const found: unknown = await answer.json();
        const fits = Object.entries(standing).every(
          ([name, value]) => Reflect.get(Object(found), name) === value,
        );
        if (fits) return;
        if (Date.now() > deadline) throw new Error(`${JSON.stringify(found)}\n${log.slice(-5).join('\n')}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    stop: () => relay.close(),
    restart: async () => {
      relay = await start();
    },
    close: async () => {
      await relay.close();
      await rm(folder, { recursive: true });
    },
  };
  return harness;
}

/** The relay's `fetch`: what a network between it and the upstream can do. */
function createWay(upstream: string, startsCut: boolean) {
  let target = upstream;
  let isCut = startsCut;
  let breaking = new AbortController();
  const breakAll = (): void => {
    breaking.abort();
    breaking = new AbortController();
  };
  const through: typeof globalThis.fetch = async (input, init = {}) => {
    if (isCut) throw new TypeError('the way to the upstream is cut');
    const url = String(input).replace(upstream, target);
    const signals = [breaking.signal, ...(init.signal ? [init.signal] : [])];
    return fetch(url, { ...init, signal: AbortSignal.any(signals) });
  };
  return {
    fetch: through,
    cut: () => {
      isCut = true;
      breakAll();
    },
    mend: () => {
      isCut = false;
    },
    turnTo: (url: string) => {
      target = url;
      breakAll();
    },
  };
}
