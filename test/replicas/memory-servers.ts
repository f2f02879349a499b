import type { RunningServer, Storage } from '@dimmer/server';
import { createLog, MemoryStorage, parseSettings, StorageFault, startServer } from '@dimmer/server';
import { ADMIN, CLIENT, SERVER } from '../contract/rest-harness.ts';

type CommitListener = Parameters<Storage['onCommit']>[0];

/** One server's way to the database that all of them use. */
export interface Link {
  /** While it is set, every question is refused. */
  isCut: boolean;
  /** Whether the server hears of commits at once. */
  hasHints: boolean;
}

/** A server, and its way to the database. */
export interface LinkedServer extends RunningServer {
  readonly link: Link;
}

/** Servers of one process over one database in memory. */
export interface SharedServers {
  readonly servers: readonly LinkedServer[];
  close(): Promise<void>;
}

/** @param settings - Of every server. */
export async function startSharedServers(
  count: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<SharedServers> {
  const memory = new MemoryStorage({ clock: Date });
  const servers: LinkedServer[] = [];
  for (let index = 0; index < count; index += 1) servers.push(await startOn(memory, settings));
  return {
    servers,
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
      await memory.close();
    },
  };
}

async function startOn(
  memory: MemoryStorage,
  settings: Readonly<Record<string, string>>,
): Promise<LinkedServer> {
  const parsed = parseSettings({
    DIMMER_PORT: '0',
    DIMMER_BOOTSTRAP_ADMIN_KEY: ADMIN,
    DIMMER_BOOTSTRAP_SERVER_KEY: SERVER,
    DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT,
    ...settings,
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const link: Link = { isCut: false, hasHints: true };
  const server = await startServer({
    settings: parsed.settings,
    storage: linked(memory, link),
    log: createLog('silent', { write: () => {} }),
    version: '0.0.0-test',
  });
  return { ...server, link };
}

/** The storage as one server has it: it may be cut off, and closing it leaves it to the others. */
function linked<T extends object>(target: T, link: Link): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value === 'object' && value !== null) return linked(value, link);
      if (typeof value !== 'function') return value;
      if (name === 'close') return async () => {};
      if (name === 'onCommit') {
        return (listener: CommitListener) =>
          Reflect.apply(value, target, [hinted(listener, link)]) as unknown;
      }
      return async (...args: unknown[]) => {
        if (link.isCut) throw new StorageFault('unavailable', 'This server is cut off.');
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
}

function hinted(listener: CommitListener, link: Link): CommitListener {
  return (environment, revision) => {
    if (link.hasHints && !link.isCut) listener(environment, revision);
  };
}
