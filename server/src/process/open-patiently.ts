import { createServer } from 'node:http';
import { PROBLEM_MEDIA_TYPE, problemOf } from '../http/problem.ts';
import type { Log } from '../platform/log.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Settings } from '../settings/settings.ts';

/** How often a database that is away is tried while a server waits for it to start, in milliseconds. */
const TRY_MS = 1_000;

/** How often the log says that it still waits for the same, in milliseconds. */
const TELL_MS = 30_000;

export interface PatienceParts {
  readonly settings: Pick<Settings, 'host' | 'port'>;
  /** Whether it is worth waiting: what a person has to correct is not. */
  readonly isPassing: (cause: unknown) => boolean;
  /** Ids of requests that are answered meanwhile. */
  readonly newId: () => string;
  readonly schedule: Schedule;
  readonly log: Log;
}

/** What is said of everything but `/livez` meanwhile. */
const WAITING = 'The server waits for its database, and serves and holds nothing before that answers.';

/**
 * Opens a storage, and waits for a database that is away: until it is there `/livez` says that the process lives, and all
 * else, `/readyz` first, is 503. So whatever starts servers and databases in any order, or starts a server during an
 * outage, neither kills nor hurries the server (SPEC.md, M30).
 *
 * @throws What `open` throws where waiting would not help; the system's error where the port cannot be had.
 * @example const { storage } = await openPatiently(() => openStorage(settings, log, registry), parts);
 */
export async function openPatiently<Opened>(
  open: () => Promise<Opened>,
  parts: PatienceParts,
): Promise<Opened> {
  const { isPassing, schedule, log } = parts;
  let stopAnswering: (() => Promise<void>) | undefined;
  let told: string | undefined;
  try {
    for (let waitedMs = 0; ; waitedMs += TRY_MS) {
      try {
        return await open();
      } catch (err) {
        if (!isPassing(err)) throw err;
        const reason = String(err);
        if (reason !== told || waitedMs % TELL_MS === 0)
          log.error({ err }, 'the server waits for its database');
        told = reason;
        stopAnswering ??= await answerMeanwhile(parts);
        await new Promise<void>((resolve) => schedule.after(TRY_MS, resolve));
      }
    }
  } finally {
    await stopAnswering?.();
  }
}

/** @returns Gives the port back. */
async function answerMeanwhile({
  settings: { host, port },
  newId,
}: Pick<PatienceParts, 'settings' | 'newId'>): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    if (request.url === '/livez') {
      response.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify({ status: 'live' }));
      return;
    }
    // As the server itself will answer: who asks can tell that nothing has arrived.
    const requestId = newId();
    response.writeHead(503, {
      'content-type': PROBLEM_MEDIA_TYPE,
      'cache-control': 'no-store',
      'retry-after': '1',
      'x-request-id': requestId,
      connection: 'close',
    });
    response.end(JSON.stringify(problemOf({ code: 'UNAVAILABLE', detail: WAITING }, requestId)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
}
