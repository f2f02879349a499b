import type { ConfigurationView, InstanceView, ReceiptView } from '@dimmer/schema/rest';
import type { ExitCode } from './exit-code.ts';
import type { RunOptions } from './run-command.ts';
import { runCommand } from './run-command.ts';
import type { Session } from './session.ts';

/** What a test saw of a request. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: unknown;
}

/** One answer of the fake server: JSON with a status, a whole response, or a fault of the connection. */
export type FakeAnswer = Response | Error | object;

/** A run of a command against a fake server, on a clock that moves when somebody waits. */
export interface Run {
  readonly exitCode: ExitCode;
  readonly out: readonly string[];
  readonly notes: readonly string[];
  readonly rewrites: readonly (string | undefined)[];
  readonly requests: readonly SeenRequest[];
  /** Milliseconds that went by. */
  readonly tookMs: number;
}

export interface RunSetting {
  /** Answers by request, as `POST /path` or `POST http://host/path`; of a list one after the other, the last of them for ever. */
  readonly answers?: Readonly<Record<string, FakeAnswer | readonly FakeAnswer[]>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly options?: RunOptions;
  readonly canRewrite?: boolean;
  /** Called before each wait; `interrupt` is Ctrl-C. */
  readonly onPause?: (interrupt: () => void, count: number) => void;
}

export const TEST_KEY = `dim_adm_${'Admin0'.repeat(6)}`;
export const ENVIRONMENT_PATH = '/api/v1/projects/default/environments/production';
const STARTED_AT = Date.parse('2026-11-21T09:00:00.000Z');

/** Runs a command as `main.ts` does, in a world of fakes. */
export async function runWith(
  act: (session: Session) => Promise<ExitCode>,
  { answers = {}, variables = {}, options = {}, canRewrite = false, onPause }: RunSetting = {},
): Promise<Run> {
  const [out, notes, rewrites]: [string[], string[], (string | undefined)[]] = [[], [], []];
  const requests: SeenRequest[] = [];
  const interruption = new AbortController();
  let now = STARTED_AT;
  let pauses = 0;
  const exitCode = await runCommand(
    {
      variables: { DIMMER_ADMIN_KEY: TEST_KEY, DIMMER_URL: 'http://dimmer.test', ...variables },
      terminal: {
        out: (line) => void out.push(line),
        note: (text) => void notes.push(...text.split('\n')),
        rewrite: (line) => void rewrites.push(line),
        canRewrite,
        paint: (_tone, text) => text,
      },
      fetch: fakeFetch(answers, requests),
      clock: { now: () => now },
      random: { bytes: (count) => new Uint8Array(count).fill(7), uint32: () => 2 ** 31 },
      pause: async (delayMs) => {
        pauses += 1;
        now += delayMs;
        onPause?.(() => interruption.abort(), pauses);
      },
      schedule: { soon: () => undefined, after: () => () => undefined, every: () => () => undefined },
      interrupted: interruption.signal,
    },
    options,
    act,
  );
  return { exitCode, out, notes, rewrites, requests, tookMs: now - STARTED_AT };
}

function fakeFetch(
  answers: Readonly<Record<string, FakeAnswer | readonly FakeAnswer[]>>,
  requests: SeenRequest[],
): typeof globalThis.fetch {
  const told = new Map<string, number>();
  return async (input, init) => {
    const { origin, pathname, search } = new URL(String(input));
    const { method = 'GET', body } = init ?? {};
    const target = pathname + search;
    const headers = new Headers(init?.headers);
    requests.push({ method, target, headers, body: typeof body === 'string' ? JSON.parse(body) : undefined });
    // Where a test plans for several servers, it names them.
    const whole = `${method} ${origin}${target}`;
    const name = whole in answers ? whole : `${method} ${target}`;
    const planned = answers[name];
    if (planned === undefined) throw new Error(`no answer is planned for ${name}`);
    const turn = told.get(name) ?? 0;
    told.set(name, turn + 1);
    const answer = Array.isArray(planned) ? (planned[turn] ?? planned.at(-1)) : planned;
    if (answer instanceof Error) throw answer;
    return answer instanceof Response ? answer.clone() : Response.json(answer);
  };
}

/** A fault of the connection, as `fetch` throws it. */
export function connectionFault(code: string): Error {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
}

/** A problem document, as the server answers it. */
export function problem(status: number, code: string, detail: string, remedy?: string): Response {
  const body = { type: `urn:dimmer:problem:${code}`, code, status, title: detail, detail, remedy };
  return Response.json(body, { status, headers: { 'content-type': 'application/problem+json' } });
}

export function instanceView(id: string, changes: Partial<InstanceView> = {}): InstanceView {
  return {
    id,
    sdk: { name: '@dimmer/node', version: '0.1.0' },
    application: { name: 'shop', build: '4f2c1d' },
    via: null,
    host: 'node-3',
    startedAt: '2026-11-21T08:00:00.000Z',
    state: 'LIVE',
    mode: 'stream',
    epoch: 'k3v9',
    revision: 812,
    ageMs: 20,
    clockOffsetMs: 0,
    connected: true,
    heardAt: '2026-11-21T08:59:48.000Z',
    dropped: { exposures: 0, events: 0 },
    problems: [],
    ...changes,
  };
}

/** A receipt of revision 813 by 41 instances, of which these have not applied it. */
export function receiptView(stragglers: readonly InstanceView[] = []): ReceiptView {
  const applied = 41 - stragglers.length;
  return {
    revision: 813,
    committedAt: '2026-11-21T09:00:00.000Z',
    at: '2026-11-21T09:00:02.000Z',
    instances: 41,
    applied,
    complete: stragglers.length === 0,
    latency: { count: applied, p50Ms: 31, p95Ms: 44, p99Ms: 47, maxMs: 47 },
    oldServedUntil: stragglers.length === 0 ? '2026-11-21T09:00:01.000Z' : null,
    stragglers: [...stragglers],
    stragglersOmitted: 0,
  };
}

export function configurationView(changes: Partial<ConfigurationView> = {}): ConfigurationView {
  return {
    flag: 'checkout-v2',
    environment: 'production',
    enabled: true,
    offVariation: 'off',
    prerequisites: [],
    targets: [],
    rules: [],
    fallthrough: { variation: 'on' },
    kill: null,
    version: 813,
    revision: 813,
    ...changes,
  };
}
