import type { PollAnswer, SnapshotTransport, StreamEnd, StreamTransport } from '@dimmer/follower';
import { snapshotOf } from '@dimmer/follower';
import type { Cursor, ValueObject } from '@dimmer/schema';
import { decodeValueSnapshot, formatCursor } from '@dimmer/schema';
import { createParser } from 'eventsource-parser';
import { problemOf } from './problem-of.ts';
import type { Values } from './values.ts';

/** Characters of one message of the stream. A longer one ends it. */
const FRAME_CHARACTERS_MAX = 2_097_152;

/** A third of the 64 KiB that a browser sends for a page that is gone: a character may take three bytes. */
const KEEPALIVE_CHARACTERS_MAX = 21_000;

/** Sends a request to the server. */
export type Post = (
  path: string,
  body: object,
  signal: AbortSignal,
  headers?: Record<string, string>,
) => Promise<Response>;

/** Sends a report. The browser finishes it when the page is gone. */
export type SendReport = (report: object) => Promise<Response>;

/** What a context's values are asked with. */
export interface ServerOptions {
  readonly post: Post;
  /** The context, and its hash in secure mode. */
  readonly who: object;
  /** What is here. Its digest goes with its cursor, so that the server can tell whether both have the same. */
  readonly current: () => Values | null;
}

/** @param url - The server; a path is one of this page's own origin. */
export function postOf(url: string, key: string, fetch: typeof globalThis.fetch): Post {
  return async (path, body, signal, headers) =>
    fetch(`${url}/client/v1/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      credentials: 'omit',
      signal,
    });
}

/** Plain text, and the key inside: a page that is being left has no time to ask another origin for leave. */
export function reportSender(url: string, key: string, fetch: typeof globalThis.fetch): SendReport {
  return async (report) => {
    const body = JSON.stringify({ key, ...report });
    return fetch(`${url}/client/v1/report`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body,
      credentials: 'omit',
      keepalive: body.length <= KEEPALIVE_CHARACTERS_MAX,
    });
  };
}

/** Opens `POST /client/v1/stream`. */
export function eventStream({ post, who, current }: ServerOptions): StreamTransport {
  return {
    open: (cursor, sink) => {
      const stop = new AbortController();
      const { signal } = stop;
      const end = (ending: StreamEnd): void => {
        if (signal.aborted) return;
        stop.abort();
        sink.ended(ending);
      };
      /** Characters since the last whole message. */
      let held = 0;
      const parser = createParser({
        onEvent: ({ event = '', data }) => {
          held = 0;
          if (!signal.aborted) sink.event(event, data);
        },
        onRetry: (delayMs) => signal.aborted || sink.retry(delayMs),
      });
      const since = cursor && { since: formatCursor(cursor), digest: current()?.digest };
      const read = async (): Promise<void> => {
        const response = await post('stream', { ...who, ...since }, signal);
        const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
        if (!response.ok || !isStream || !response.body) return end(endOf(response));
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return end({ message: 'the stream ended' });
          held += value.length;
          parser.feed(value);
          if (held > FRAME_CHARACTERS_MAX) return end({ message: 'a message is too long' });
        }
      };
      read().catch((error: unknown) => end({ message: problemOf(error) }));
      return () => stop.abort();
    },
  };
}

/** A stream for those who want none: the follower polls instead. */
export const noStream: StreamTransport = {
  open: (_, { ended }) => {
    queueMicrotask(() => ended({ message: 'streaming is off', status: 204 }));
    return () => {};
  },
};

/** Asks `POST /client/v1/evaluate`. */
export function evaluation({ post, who }: ServerOptions): SnapshotTransport<ValueObject> {
  // The server names the context in its answers; with that, a later question names what is here.
  let contextName = '';

  async function ask(cursor: Cursor | undefined, signal: AbortSignal): Promise<PollAnswer<ValueObject>> {
    const headers =
      cursor && contextName ? { 'if-none-match': `"${formatCursor(cursor)}:${contextName}` } : {};
    const response = await post('evaluate', who, signal, headers);
    contextName = response.headers.get('etag')?.split(':')[2] ?? contextName;
    if (response.status === 304) return { outcome: 'unchanged', ageMs: 0 };
    if (!response.ok) return { outcome: 'failed', end: endOf(response) };
    const decoded = decodeValueSnapshot(await response.json());
    const snapshot = decoded.outcome === 'decoded' ? snapshotOf(decoded.value) : undefined;
    return snapshot ? { outcome: 'snapshot', snapshot, ageMs: 0 } : { outcome: 'failed', end: USELESS };
  }

  return {
    ask: (cursor, answered) => {
      const stop = new AbortController();
      const tell = (answer: PollAnswer<ValueObject>): void => {
        if (!stop.signal.aborted) answered(answer);
      };
      ask(cursor, stop.signal).then(tell, (error: unknown) =>
        tell({ outcome: 'failed', end: { message: problemOf(error) } }),
      );
      return () => stop.abort();
    },
  };
}

const USELESS: StreamEnd = { message: 'the answer is of no use', status: 200 };

function endOf({ status, headers }: Response): StreamEnd {
  // A date is not worth its bytes here: the follower waits by itself.
  const seconds = Number(headers.get('retry-after'));
  return { message: `the server answered ${status}`, status, retryAfterMs: seconds * 1_000 };
}
