import type { PollAnswer, SnapshotTransport, StreamEnd } from '@dimmer/follower';
import { ageMsOf, snapshotAnswer, unusableSnapshot } from '@dimmer/follower';
import type { Cursor, WireObject } from '@dimmer/schema';
import { decodeSnapshot, formatCursor } from '@dimmer/schema';
import { reachProblem } from './reach-problem.ts';
import { retryAfterMs } from './retry-after.ts';

/** What a snapshot needs to be asked for. */
export interface SnapshotRequestOptions {
  /** The server, with a path that ends in `/`. */
  readonly url: URL;
  readonly key: string;
  readonly fetch: typeof globalThis.fetch;
  /** A longer body is not read. */
  readonly bytesMax: number;
  /** Milliseconds since the Unix epoch. */
  readonly wallNow: () => number;
}

type Answer = PollAnswer<WireObject>;

/** Asks `GET /sdk/v1/snapshot`, with the name of what is here: then an answer costs a few bytes. */
export function snapshotTransport(options: SnapshotRequestOptions): SnapshotTransport<WireObject> {
  return {
    ask: (cursor, answered) => {
      const giveUp = new AbortController();
      const tell = (answer: Answer): void => {
        if (!giveUp.signal.aborted) answered(answer);
      };
      request(options, cursor, giveUp.signal).then(tell, (error: unknown) =>
        tell({ outcome: 'failed', end: { message: reachProblem(error) } }),
      );
      return () => giveUp.abort();
    },
  };
}

async function request(
  options: SnapshotRequestOptions,
  cursor: Cursor | undefined,
  signal: AbortSignal,
): Promise<Answer> {
  const response = await options.fetch(new URL('sdk/v1/snapshot', options.url), {
    headers: {
      Accept: 'application/json',
      Authorization: `Bearer ${options.key}`,
      ...(cursor !== undefined && { 'If-None-Match': `"${formatCursor(cursor)}"` }),
    },
    signal,
  });
  if (response.status === 200) return read(response, options.bytesMax);
  // Nobody will read it, and it would hold its connection.
  response.body?.cancel().catch(() => undefined);
  if (response.status === 304) return { outcome: 'unchanged', ageMs: ageMsOf(response.headers.get('age')) };
  return { outcome: 'failed', end: endOf(response, options.wallNow()) };
}

async function read(response: Response, bytesMax: number): Promise<Answer> {
  const body = await textOf(response, bytesMax);
  if (body === undefined) return unusableSnapshot(`it is larger than ${bytesMax} bytes`, 'TOO_LARGE');
  const document = parse(body);
  if (document === undefined)
    return unusableSnapshot('it is something else; check that `url` leads to a Dimmer server');
  return snapshotAnswer(decodeSnapshot(document), ageMsOf(response.headers.get('age')));
}

/** Reads a body of bounded size; `undefined` when it is larger. */
async function textOf({ body }: Response, bytesMax: number): Promise<string | undefined> {
  if (body === null) return '';
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks).toString('utf8');
    bytes += value.byteLength;
    if (bytes > bytesMax) {
      reader.cancel().catch(() => undefined);
      return undefined;
    }
    chunks.push(value);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function endOf({ status, headers }: Response, wallNow: number): StreamEnd {
  const asked = retryAfterMs(headers.get('retry-after'), wallNow);
  const message = `the server answered ${status} for the snapshot`;
  return { message, status, ...(asked !== undefined && { retryAfterMs: asked }) };
}
