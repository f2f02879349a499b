import type { PollAnswer, SnapshotTransport } from '@dimmer/follower';
import { ageMsOf, snapshotAnswer, unusableSnapshot } from '@dimmer/follower';
import type { Cursor, WireObject } from '@dimmer/schema';
import { decodeSnapshotOf, formatCursor, LIMITS } from '@dimmer/schema';
import { etagOf } from '../http/etag.ts';
import { readBytes } from '../http/json-body.ts';
import { decodePassed } from './passed-object.ts';
import type { Upstream } from './upstream.ts';
import { faultOf, headersTo, refusalOf, routeOf } from './upstream.ts';

/** Bytes of a snapshot; a longer one is not used. As much as an SDK takes. */
const SNAPSHOT_BYTES_READ_MAX = 2 * LIMITS.snapshotBytes;

type Answer = PollAnswer<WireObject>;

/** Asks `GET /sdk/v1/snapshot` of the upstream, naming what is here. */
export function upstreamSnapshot(upstream: Upstream): SnapshotTransport<WireObject> {
  return {
    ask: (cursor, answered) => {
      const giveUp = new AbortController();
      const tell = (answer: Answer): void => {
        if (!giveUp.signal.aborted) answered(answer);
      };
      ask(upstream, cursor, giveUp.signal).then(tell, (cause: unknown) =>
        tell({ outcome: 'failed', end: { message: faultOf(cause) } }),
      );
      return () => giveUp.abort();
    },
  };
}

async function ask(upstream: Upstream, cursor: Cursor | undefined, signal: AbortSignal): Promise<Answer> {
  const headers = {
    ...headersTo(upstream, 'application/json'),
    ...(cursor !== undefined && { 'if-none-match': etagOf(formatCursor(cursor)) }),
  };
  const response = await upstream.fetch(routeOf(upstream, 'sdk/v1/snapshot'), { headers, signal });
  if (response.status === 200) return read(response);
  if (response.status === 304) return { outcome: 'unchanged', ageMs: ageMsOf(response.headers.get('age')) };
  return { outcome: 'failed', end: refusalOf(response, upstream.wallNow()) };
}

async function read(response: Response): Promise<Answer> {
  const bytes = await readBytes(response.body, SNAPSHOT_BYTES_READ_MAX);
  if (!bytes.ok) return unusableSnapshot(bytes.rejection.detail, 'TOO_LARGE');
  return snapshotAnswer(
    decodeSnapshotOf(parse(bytes.value), decodePassed),
    ageMsOf(response.headers.get('age')),
  );
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
