import { LIMITS } from '@dimmer/schema';
import type { LiveEvent } from '@dimmer/schema/rest';
import type { EventSourceMessage } from 'eventsource-parser';
import { createParser } from 'eventsource-parser';
import type { Schedule } from '../platform/schedule.ts';
import type { FailedAttempt } from './request-attempt.ts';
import { attemptOf, lossOf, objectIn, REQUEST_TIMEOUT_MS } from './request-attempt.ts';

/** A stream that says nothing for so many of its heartbeats is given up. */
const SILENT_HEARTBEATS = 3;

/** Characters of one event; more ends the stream. A revert of everything tells every object before and after. */
const EVENT_CHARACTERS_MAX = 2 * LIMITS.snapshotBytes;

/** How a stream ended, or that it never began. */
export type LiveEnd = FailedAttempt | { readonly kind: 'goodbye'; readonly afterMs: number };

/** A live event with its id, where it has one. */
export type ReceivedEvent = LiveEvent & { readonly id?: string };

/** What to ask for. */
export interface LiveRequest {
  readonly url: URL;
  readonly key: string;
  /** The id of the last event that was read; left out: it is the first attempt. */
  readonly lastId?: string | undefined;
}

/** What a live stream needs of the world. */
export interface LiveStreamPorts {
  readonly fetch: typeof globalThis.fetch;
  readonly schedule: Schedule;
  readonly interrupted: AbortSignal;
}

/**
 * Reads the live events of an environment until the stream ends. It never throws, and does not reconnect.
 *
 * @param onEvent - Told of every event that is known; others are ignored.
 * @example await followLive(ports, { url, key }, (event) => terminal.out(JSON.stringify(event)))
 */
export async function followLive(
  { fetch, schedule, interrupted }: LiveStreamPorts,
  request: LiveRequest,
  onEvent: (event: ReceivedEvent) => void,
): Promise<LiveEnd> {
  const silence = silenceWatch(schedule);
  const signal = AbortSignal.any([interrupted, silence.signal]);
  try {
    const response = await fetch(request.url, { headers: headersOf(request), signal });
    const stream = streamIn(response);
    if (stream === undefined) return await refusalIn(response);
    for await (const message of messagesIn(stream, silence.heard)) {
      const event = eventOf(message);
      if (event === undefined) continue;
      if (event.event === 'hello') silence.allow(SILENT_HEARTBEATS * event.data.heartbeatMs);
      onEvent(event);
      if (event.event === 'goodbye') return { kind: 'goodbye', afterMs: event.data.reconnectInMs };
    }
    return lost('the stream ended');
  } catch (cause) {
    if (interrupted.aborted) return { kind: 'interrupted', isRetryable: false };
    return silence.signal.aborted ? lost('the stream fell silent') : lost(lossOf(cause).cause);
  } finally {
    silence.stop();
  }
}

function headersOf({ key, lastId }: LiveRequest): Record<string, string> {
  return {
    authorization: `Bearer ${key}`,
    accept: 'text/event-stream',
    ...(lastId !== undefined && { 'last-event-id': lastId }),
  };
}

function streamIn({ ok, headers, body }: Response): ReadableStream<Uint8Array> | undefined {
  const isStream = headers.get('content-type')?.startsWith('text/event-stream') === true;
  return ok && isStream && body !== null ? body : undefined;
}

/** Why an answer is no stream. */
async function refusalIn(response: Response): Promise<LiveEnd> {
  const attempt = attemptOf(response, await response.text());
  if (attempt.kind !== 'answered') return attempt;
  const { status } = response;
  return { kind: 'refused', status, problem: undefined, isRetryable: false, retryAfterMs: 0 };
}

async function* messagesIn(
  body: ReadableStream<Uint8Array>,
  onChunk: () => void,
): AsyncGenerator<EventSourceMessage> {
  const ready: EventSourceMessage[] = [];
  const parser = createParser({
    maxBufferSize: EVENT_CHARACTERS_MAX,
    onEvent: (message) => void ready.push(message),
    onError: (error) => {
      if (error.type === 'max-buffer-size-exceeded') throw error;
    },
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      onChunk();
      parser.feed(decoder.decode(part.value, { stream: true }));
      yield* ready.splice(0);
    }
  } finally {
    // Not awaited: a peer that does not notice would hold the next attempt back.
    reader.cancel().catch(() => undefined);
  }
}

const KNOWN: ReadonlySet<string> = new Set<LiveEvent['event']>([
  'hello',
  'change',
  'receipt',
  'heartbeat',
  'goodbye',
]);

/** The event in a message, its data on trust, as answers of the REST API are; `undefined` for what is not known. */
function eventOf({ event = 'message', id, data }: EventSourceMessage): ReceivedEvent | undefined {
  const body = KNOWN.has(event) ? objectIn(data) : undefined;
  if (body === undefined) return undefined;
  return { event, data: body, ...(id !== undefined && { id }) } as unknown as ReceivedEvent;
}

function lost(cause: string): LiveEnd {
  return { kind: 'lost', cause, mayHaveArrived: false, isRetryable: true };
}

/** Aborts a stream that says nothing for too long. */
function silenceWatch(schedule: Schedule) {
  const controller = new AbortController();
  let allowedMs = REQUEST_TIMEOUT_MS;
  const arm = (): (() => void) => schedule.after(allowedMs, () => controller.abort());
  let cancel = arm();
  const heard = (): void => {
    cancel();
    cancel = arm();
  };
  return {
    signal: controller.signal,
    heard,
    allow(silenceMs: number) {
      allowedMs = silenceMs;
      heard();
    },
    stop: () => cancel(),
  };
}
