import { isSpanContextValid, trace } from '@opentelemetry/api';
import type { DestinationStream, Logger } from 'pino';
import { pino, stdTimeFunctions } from 'pino';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * The server's log: one JSON object per line. Keys and contexts never go in, whatever the level.
 *
 * @example log.warn({ fault: 'unavailable' }, 'storage does not answer')
 */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** @param destination - Where the lines go; standard error in production, so that standard output is for people. */
export function createLog(level: LogLevel, destination: DestinationStream): Log {
  return pino(
    { level, base: null, timestamp: stdTimeFunctions.isoTime, redact: REDACTED, mixin: traceOf },
    destination,
  );
}

/** Names the trace that a line belongs to, where there is one. */
function traceOf(): { readonly traceId?: string } {
  const found = trace.getActiveSpan()?.spanContext();
  return found !== undefined && isSpanContextValid(found) ? { traceId: found.traceId } : {};
}

/** The last line of defence: no caller logs these on purpose. */
const REDACTED = ['secret', 'authorization', 'context', '*.secret', '*.authorization', '*.context'];
