import type { StreamEnd, StreamSink, StreamTransport } from '@dimmer/follower';
import type { Cursor } from '@dimmer/schema';
import { formatCursor, LIMITS } from '@dimmer/schema';
import { createParser } from 'eventsource-parser';
import type { Upstream } from './upstream.ts';
import { faultOf, headersTo, refusalOf, routeOf } from './upstream.ts';

/** Characters of one event; more ends the stream. As much as an SDK takes. */
const EVENT_CHARACTERS_MAX = 2 * LIMITS.segmentBytes;

/** Opens `GET /sdk/v1/stream` of the upstream. One call is one attempt. */
export function upstreamStream(upstream: Upstream): StreamTransport {
  return {
    open: (cursor, sink) => {
      const closing = new AbortController();
      const { signal } = closing;
      read(upstream, cursor, whileOpen(sink, signal), signal).then(
        (end) => signal.aborted || sink.ended(end),
        (cause: unknown) => signal.aborted || sink.ended(endOf(cause)),
      );
      return () => closing.abort();
    },
  };
}

/** A chunk may hold several events, and the first may be what closes the stream. */
function whileOpen(sink: StreamSink, signal: AbortSignal): Pick<StreamSink, 'event' | 'retry'> {
  return {
    event: (name, data) => signal.aborted || sink.event(name, data),
    retry: (delayMs) => signal.aborted || sink.retry(delayMs),
  };
}

async function read(
  upstream: Upstream,
  cursor: Cursor | undefined,
  sink: Pick<StreamSink, 'event' | 'retry'>,
  signal: AbortSignal,
): Promise<StreamEnd> {
  const url = routeOf(upstream, 'sdk/v1/stream');
  if (cursor !== undefined) url.searchParams.set('since', formatCursor(cursor));
  const response = await upstream.fetch(url, { headers: headersTo(upstream, 'text/event-stream'), signal });
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (response.status !== 200 || !isStream || response.body === null) {
    return refusalOf(response, upstream.wallNow());
  }
  const parser = createParser({
    maxBufferSize: EVENT_CHARACTERS_MAX,
    onEvent: ({ event = 'message', data }) => sink.event(event, data),
    onRetry: (delayMs) => sink.retry(delayMs),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw new EventTooLarge();
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of response.body) parser.feed(decoder.decode(chunk, { stream: true }));
  return { message: 'the stream ended' };
}

class EventTooLarge extends RangeError {
  constructor() {
    super(`an event is larger than ${EVENT_CHARACTERS_MAX} characters`);
  }
}

function endOf(cause: unknown): StreamEnd {
  return { message: faultOf(cause), ...(cause instanceof EventTooLarge && { refused: 'TOO_LARGE' }) };
}
