import type { StreamEnd, StreamSink, StreamTransport } from '@dimmer/follower';
import type { Cursor } from '@dimmer/schema';
import { formatCursor, INSTANCE_HEADER } from '@dimmer/schema';
import type { EventSourceFetchInit, FetchLikeResponse } from 'eventsource';
import { EventSource } from 'eventsource';
import { frameGuard } from './frame-guard.ts';
import { reachProblem } from './reach-problem.ts';
import { retryAfterMs } from './retry-after.ts';

/** What a stream needs to be opened. */
export interface EventStreamOptions {
  /** The server, with a path that ends in `/`. */
  readonly url: URL;
  readonly key: string;
  readonly fetch: typeof globalThis.fetch;
  readonly frameBytesMax: number;
  /** Whose stream it is; `undefined`: nobody says so. */
  readonly instance: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly wallNow: () => number;
}

/** The events of the protocol. Any other name has no listener, and so is ignored. */
const EVENTS = ['hello', 'put', 'delete', 'commit', 'heartbeat', 'goodbye'] as const;

/**
 * Opens `GET /sdk/v1/stream`. One `EventSource` serves one attempt and only parses: it is closed at the first
 * error, before it can reconnect by its own rules (at a fixed pace, and never again after a 503).
 */
export function eventStreamTransport(options: EventStreamOptions): StreamTransport {
  return { open: (cursor, sink) => openStream(options, cursor, sink) };
}

function openStream(options: EventStreamOptions, cursor: Cursor | undefined, sink: StreamSink): () => void {
  let ended = false;
  let retryAfter: number | undefined;
  let isTooLarge = false;
  let unreached: string | undefined;
  const source = new EventSource(streamUrl(options.url, cursor), { fetch: request });

  async function request(url: string | URL, init: EventSourceFetchInit): Promise<FetchLikeResponse> {
    const headers = {
      ...init.headers,
      Authorization: `Bearer ${options.key}`,
      ...(options.instance !== undefined && { [INSTANCE_HEADER]: options.instance }),
    };
    const response = await reach(url, { ...init, headers });
    retryAfter = retryAfterMs(response.headers.get('retry-after'), options.wallNow());
    return guardedResponse(response, options.frameBytesMax, {
      retry: (delayMs) => {
        if (!ended) sink.retry(delayMs);
      },
      tooLarge: () => {
        isTooLarge = true;
      },
    });
  }

  async function reach(...asked: Parameters<typeof globalThis.fetch>): Promise<Response> {
    // Node takes some 20 ms for its first `fetch`: whoever makes an SDK has what is stored before that.
    await Promise.resolve();
    try {
      return await options.fetch(...asked);
    } catch (error) {
      unreached = reachProblem(error);
      throw error;
    }
  }

  function finish(end?: StreamEnd): void {
    if (ended) return;
    ended = true;
    // An EventSource sets its own reconnect timer right after it has told of an error: closed any earlier,
    // it would keep the process alive for that timer.
    queueMicrotask(() => source.close());
    if (end !== undefined) sink.ended(end);
  }

  for (const name of EVENTS) {
    source.addEventListener(name, (event: MessageEvent) => {
      if (!ended) sink.event(name, String(event.data));
    });
  }
  source.addEventListener('error', (event) => {
    // A hostile server may name an event `error`.
    if (!('data' in event))
      finish({
        ...endOf(event, retryAfter),
        ...(unreached !== undefined && { message: unreached }),
        ...(isTooLarge && { refused: 'TOO_LARGE' }),
      });
  });
  return () => finish();
}

function streamUrl(base: URL, cursor: Cursor | undefined): URL {
  const url = new URL('sdk/v1/stream', base);
  if (cursor !== undefined) url.searchParams.set('since', formatCursor(cursor));
  return url;
}

interface SourceError {
  /** HTTP status, where there was an answer. */
  readonly code?: number | undefined;
  readonly message?: string | undefined;
}

function endOf({ code, message }: SourceError, retryAfter: number | undefined): StreamEnd {
  return {
    message: messageOf(code, message),
    ...(code !== undefined && { status: code }),
    ...(retryAfter !== undefined && { retryAfterMs: retryAfter }),
  };
}

/** The parser's words for a status are about itself: it will not reconnect, the follower will. */
function messageOf(code: number | undefined, message = 'the stream ended'): string {
  if (code === undefined) return message;
  if (code === 401 || code === 403) return `the server answered ${code}; use a server key of this server`;
  if (code === 204) return 'the server has no stream to give, flags are polled';
  if (code >= 500 || code === 429) return `the server answered ${code}`;
  const rule = code === 200 ? 'with something else than a stream' : `${code}`;
  return `the server answered ${rule}; check that \`url\` leads to a Dimmer server`;
}

/** The response with a body that is measured on its way; a body that nobody will read is let go. */
function guardedResponse(
  response: Response,
  frameBytesMax: number,
  found: { readonly retry: (delayMs: number) => void; readonly tooLarge: () => void },
): FetchLikeResponse {
  const { url, status, redirected, headers } = response;
  if (status !== 200 || response.body === null) {
    response.body?.cancel().catch(() => undefined);
    return { url, status, redirected, headers, body: null };
  }
  const guard = frameGuard({ frameBytesMax, onRetry: found.retry });
  const meter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      try {
        guard(chunk);
      } catch (error) {
        found.tooLarge();
        throw error;
      }
      controller.enqueue(chunk);
    },
  });
  return { url, status, redirected, headers, body: response.body.pipeThrough(meter) };
}
