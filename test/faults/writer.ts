import type { ServerProcess } from './server-process.ts';

const FLAGS = '/api/v1/projects/default/flags';
const CONFIGURATIONS = '/api/v1/projects/default/environments/production/flags';
const REVISIONS = '/api/v1/projects/default/environments/production/revisions';

/** A write that the server has acknowledged. */
export interface Acknowledged {
  readonly revision: number;
  /** Id of the rule that the write put in; every write has its own. */
  readonly marker: string;
}

/** One revision as the history tells it: the rule that it put in, where it put one in. */
export interface Recorded {
  readonly revision: number;
  readonly marker: string | undefined;
}

/** Writes at a steady pace, whatever happens to the server, and remembers what was acknowledged. */
export interface Writer {
  readonly acknowledged: readonly Acknowledged[];
  /** Stops writing and waits for the write under way. */
  stop(): Promise<void>;
}

/** Makes a flag to write to. */
export async function createFlag(server: ServerProcess, key: string): Promise<void> {
  const response = await send(server, 'POST', FLAGS, { key });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  await response.body?.cancel();
}

/** @param perSecond - Writes begun a second; a write that fails is not repeated. */
export function startWriter(server: ServerProcess, flag: string, perSecond: number): Writer {
  const acknowledged: Acknowledged[] = [];
  const underWay = new Set<Promise<void>>();
  let count = 0;

  const timer = setInterval(() => {
    count += 1;
    const write = writeRule(server, flag, `w${count}`).then((done) => {
      if (done !== undefined) acknowledged.push(done);
      underWay.delete(write);
    });
    underWay.add(write);
  }, 1000 / perSecond);

  return {
    acknowledged,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}

/** The whole kept history, oldest first. @throws Where the server does not tell it now. */
export async function readHistory(server: ServerProcess): Promise<readonly Recorded[]> {
  const recorded: Recorded[] = [];
  for (;;) {
    const after = recorded.at(-1)?.revision ?? 0;
    const response = await send(server, 'GET', `${REVISIONS}?after=${after}&limit=500`);
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    const page = (await response.json()) as { readonly items: readonly HistoryItem[] };
    if (page.items.length === 0) return recorded;
    for (const { revision, objects } of page.items) {
      recorded.push({ revision, marker: objects[0]?.after?.rules[0]?.id });
    }
  }
}

interface HistoryItem {
  readonly revision: number;
  readonly objects: readonly {
    readonly after: { readonly rules: readonly { readonly id: string }[] } | null;
  }[];
}

/** One write. @returns `undefined` when the answer never came: the write may or may not have been made. */
export async function writeRule(
  server: ServerProcess,
  flag: string,
  marker: string,
): Promise<Acknowledged | undefined> {
  const rules = [{ id: marker, when: { all: [] }, serve: { variation: 'on' } }];
  try {
    const response = await send(server, 'PATCH', `${CONFIGURATIONS}/${flag}`, { enabled: true, rules });
    const { revision } = (await response.json()) as { readonly revision: number };
    return response.ok ? { revision, marker } : undefined;
  } catch {
    return undefined;
  }
}

function send(server: ServerProcess, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}
