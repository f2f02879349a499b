import type { HistoryFile } from './history-file.ts';
import type { RevisionRecord } from './model.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { ServerProcess } from './server-process.ts';
import { PAIR, VICTIM } from './validate-clients.ts';

const PROJECT = '/api/v1/projects/default';
const ENVIRONMENT = `${PROJECT}/environments/production`;

/** A flag that is written alone, one that is killed and restored, and one that grows. */
export const SINGLE = 'single';
export const KILLED = 'killed';
export const RAMP = 'ramp';
/** The rule that the flag which nobody writes has from the beginning. */
const VICTIM_MARKER = 'untouched';

/** A write that hangs as long as its server does is given up, in milliseconds. */
const WRITE_TIMEOUT_MS = 10_000;
/** A page of the history may be tens of megabytes, and the machine busy. */
const READ_TIMEOUT_MS = 60_000;
const PAGE = 100;
/** Steps of the growing rollout, in percent. It only grows, but for writes that overtake each other. */
const PERCENT_STEP = 3;

/** Writers at a steady pace, whatever happens to the server. */
export interface Traffic {
  /** The highest revision that was acknowledged. */
  readonly acknowledged: number;
  readonly writes: number;
  /** Stops writing and waits for the writes under way. */
  stop(): Promise<void>;
}

/** Where writes go. */
export type Written = Pick<ServerProcess, 'url' | 'adminKey'>;

export interface TrafficOptions {
  readonly server: Written;
  readonly history: HistoryFile;
  readonly random: SeededRandom;
  readonly perSecond: number;
  /** Makes every rule so large, for slow readers. */
  readonly ruleBytes?: number;
  /** With so many writes under way, none is begun. Default: no such limit. */
  readonly underWayMax?: number;
  /** How a request is sent. Default: once; what fails is not tried again. */
  readonly send?: Send;
}

/** Sends one request. */
export type Send = (server: Written, method: string, path: string, body?: unknown) => Promise<Response>;

/** Makes the flags that {@link startTraffic} writes to. */
export async function createFlags(server: Written): Promise<void> {
  for (const key of [...PAIR, SINGLE, KILLED, RAMP, VICTIM]) {
    await expectOk(await send(server, 'POST', `${PROJECT}/flags`, { key }));
  }
  const patch = { enabled: true, rules: rulesOf(VICTIM_MARKER, 0) };
  await expectOk(await send(server, 'PATCH', `${ENVIRONMENT}/flags/${VICTIM}`, patch));
}

/** Makes flags that nobody writes to, of at least so many bytes each. */
export async function createBallast(server: Written, flags: number, ruleBytes: number): Promise<void> {
  for (let index = 0; index < flags; index += 1) {
    const key = `ballast-${index}`;
    await expectOk(await send(server, 'POST', `${PROJECT}/flags`, { key }));
    const patch = { enabled: true, rules: rulesOf('heavy', ruleBytes) };
    await expectOk(await send(server, 'PATCH', `${ENVIRONMENT}/flags/${key}`, patch));
  }
}

/** Starts writing single flags, pairs, kills, restores, a growing rollout, and flags that come and go. */
export function startTraffic(options: TrafficOptions): Traffic {
  const { server, history, random, perSecond, underWayMax = Infinity, send: sendWrite = send } = options;
  const underWay = new Set<Promise<void>>();
  let acknowledged = 0;
  let writes = 0;
  let percent = 0;

  function nextWrite(): Write {
    writes += 1;
    const marker = `w${writes}`;
    const kind = random.pick(['single', 'single', 'pair', 'pair', 'kill', 'ramp', 'visitor'] as const);
    if (kind === 'ramp' && percent < 99) {
      percent += PERCENT_STEP;
      return rampWrite(percent);
    }
    if (kind === 'pair') return pairWrite(marker, options.ruleBytes ?? 0);
    if (kind === 'kill') return killWrite(marker, random.next() < 0.5);
    if (kind === 'visitor') return visitorWrite(marker, random.between(1, 3));
    return singleWrite(marker, options.ruleBytes ?? 0);
  }

  const timer = setInterval(() => {
    if (underWay.size >= underWayMax) return;
    const { marker, flags, method, path, body } = nextWrite();
    const write = acknowledgedRevision(() => sendWrite(server, method, path, body)).then((revision) => {
      const result = revision === undefined ? null : { revision };
      history.append('writer', { op: 'write', args: { marker, flags }, result });
      acknowledged = Math.max(acknowledged, revision ?? 0);
      underWay.delete(write);
    });
    underWay.add(write);
  }, 1000 / perSecond);

  return {
    get acknowledged() {
      return acknowledged;
    },
    get writes() {
      return writes;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}

/** The whole kept history, oldest first. */
export async function fetchRevisions(server: Written): Promise<readonly RevisionRecord[]> {
  const records: RevisionRecord[] = [];
  for (;;) {
    const after = records.at(-1)?.revision ?? 0;
    const response = await send(server, 'GET', `${ENVIRONMENT}/revisions?after=${after}&limit=${PAGE}`);
    const { items } = (await response.json()) as { readonly items: readonly RevisionRecord[] };
    if (items.length === 0) return records;
    records.push(...items);
  }
}

interface Write {
  readonly marker: string;
  /** The flags whose first rule is the marker afterwards. */
  readonly flags: readonly string[];
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

function singleWrite(marker: string, bytes: number): Write {
  const body = { enabled: true, rules: rulesOf(marker, bytes) };
  return { marker, flags: [SINGLE], method: 'PATCH', path: `${ENVIRONMENT}/flags/${SINGLE}`, body };
}

function pairWrite(marker: string, bytes: number): Write {
  const patch = { enabled: true, rules: rulesOf(marker, bytes) };
  const edits = PAIR.map((flag) => ({ edit: 'patchConfiguration', flag, patch }));
  return { marker, flags: PAIR, method: 'POST', path: `${ENVIRONMENT}/changes`, body: { edits } };
}

function killWrite(marker: string, isKill: boolean): Write {
  const path = `${ENVIRONMENT}/flags/${KILLED}/${isKill ? 'kill' : 'restore'}`;
  return { marker, flags: [], method: 'POST', path, body: { reason: marker } };
}

/** The percentage is the id of a rule that matches nobody, so that the history shows it. */
function rampWrite(percent: number): Write {
  const weights = { on: percent, off: 100 - percent };
  const rules = [{ id: `p${percent}`, when: { any: [] }, serve: { variation: 'off' } }];
  const body = { enabled: true, rules, fallthrough: { rollout: { by: 'targetingKey', weights } } };
  const marker = `p${percent}`;
  return { marker, flags: [RAMP], method: 'PATCH', path: `${ENVIRONMENT}/flags/${RAMP}`, body };
}

/** A segment that comes and goes, so that removals are sent too. */
function visitorWrite(marker: string, place: number): Write {
  const key = `visitor-${place}`;
  const isArrival = Number(marker.slice(1)) % 2 === 0;
  const edit = isArrival
    ? { edit: 'createSegment', segment: { key, included: [marker] } }
    : { edit: 'deleteSegment', key };
  return { marker, flags: [], method: 'POST', path: `${ENVIRONMENT}/changes`, body: { edits: [edit] } };
}

/** One rule that matches everybody, of at least so many bytes. */
function rulesOf(marker: string, bytes: number): readonly unknown[] {
  const values = Array.from({ length: Math.ceil(bytes / 1000) }, (_, index) => `${index}`.padEnd(1000, '.'));
  const never = { attribute: 'targetingKey', op: 'in', values };
  const when = values.length === 0 ? { all: [] } : { any: [{ all: [] }, never] };
  return [{ id: marker, when, serve: { variation: 'on' } }];
}

/** @returns `undefined` when the answer never came, or was a refusal. */
async function acknowledgedRevision(ask: () => Promise<Response>): Promise<number | undefined> {
  try {
    const response = await ask();
    const { revision } = (await response.json()) as { readonly revision: number };
    return response.ok ? revision : undefined;
  } catch {
    return undefined;
  }
}

async function expectOk(response: Response): Promise<void> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text}`);
}

function send(server: Written, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(method === 'GET' ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}
