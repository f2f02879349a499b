import type { Clock } from '../platform/clock.ts';
import type { ServerFacts } from './facts.ts';

/** How long one answer is waited for. */
const PATIENCE_MS = 5_000;
const ROUND_TRIPS = 5;

type Fetch = typeof globalThis.fetch;

/** Asks a running server what anybody may ask it, and whether it takes the admin key. */
export async function gatherServer(
  url: string,
  adminKey: string | undefined,
  { fetch, clock }: { readonly fetch: Fetch; readonly clock: Clock },
): Promise<ServerFacts> {
  const named = withoutUser(url);
  const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(new URL(path, withSlash(named)), {
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  try {
    const live = await ask('livez');
    const isLive = live.status === 200 && Reflect.get(await jsonOf(live), 'status') === 'live';
    const trips: Trip[] = [];
    for (let count = 0; count < ROUND_TRIPS; count += 1) trips.push(await tripOf(ask, clock));
    const ready = await ask('readyz');
    const standing = await jsonOf(ready);
    const key =
      adminKey === undefined
        ? undefined
        : await ask('api/v1/projects', { authorization: `Bearer ${adminKey}` });
    await key?.body?.cancel();
    return {
      reached: true,
      url: named,
      isLive,
      isReady: ready.status === 200,
      databaseAgeMs: numberIn(standing, 'databaseAgeMs'),
      environmentsBehindReaders: numberIn(standing, 'environmentsBehindReaders') ?? 0,
      version: versionIn(await jsonOf(await ask('openapi.json'))),
      roundTripMs: medianOf(trips.map(({ tookMs }) => tookMs)),
      clockAheadMs: trips.find(({ aheadMs }) => aheadMs !== undefined)?.aheadMs,
      keyStatus: key?.status,
    };
  } catch (cause) {
    return { reached: false, url: named, cause: `${reasonOf(cause)}.` };
  }
}

interface Trip {
  readonly tookMs: number;
  readonly aheadMs: number | undefined;
}

async function tripOf(ask: (path: string) => Promise<Response>, clock: Clock): Promise<Trip> {
  const askedAt = clock.now();
  const response = await ask('livez');
  await response.text();
  const tookMs = clock.now() - askedAt;
  const date = Date.parse(response.headers.get('date') ?? '');
  // The header has no fraction of a second: half of one is the middle of what it can mean.
  return { tookMs, aheadMs: Number.isNaN(date) ? undefined : date + 500 - (askedAt + tookMs / 2) };
}

async function jsonOf(response: Response): Promise<object> {
  try {
    const value: unknown = await response.json();
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function numberIn(document: object, name: string): number | undefined {
  const value: unknown = Reflect.get(document, name);
  return typeof value === 'number' ? value : undefined;
}

function versionIn(document: object): string | undefined {
  const info: unknown = Reflect.get(document, 'info');
  const version: unknown =
    typeof info === 'object' && info !== null ? Reflect.get(info, 'version') : undefined;
  return typeof version === 'string' ? version : undefined;
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

/** `fetch` says only that it failed; what is behind it says why. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'no answer';
  if (cause.name === 'TimeoutError') return `no answer within ${PATIENCE_MS / 1000} s`;
  if (cause.cause instanceof Error) return reasonOf(cause.cause);
  return cause.message === '' && 'code' in cause ? String(cause.code) : cause.message;
}

/** As it is shown and asked: `fetch` sends no password of an address, and names it in its complaint. */
function withoutUser(url: string): string {
  if (!URL.canParse(url)) return url;
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return shown.href.replace(/\/$/, '');
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}
