import { formatCursor } from '@dimmer/schema';
import type { RulesetAt } from '../delivery/environment-ruleset.ts';

/** A comment: proxies see that the stream lives, and clients see nothing. */
export const HEARTBEAT_FRAME = Buffer.from(':\n\n');

/**
 * The first event of a stream: it gives the client an id at once, so that it has one to come back with. Its type is
 * none of OFREP's, which clients ignore.
 *
 * @param reconnectInMs - When the client should come back if the stream breaks.
 */
export function helloFrame(at: RulesetAt, reconnectInMs: number): Buffer {
  return Buffer.from(`retry: ${reconnectInMs}\nid: ${formatCursor(at)}\ndata: {"type":"hello"}\n\n`);
}

/** Says that there is something new to fetch. `etag` and `lastModified` come back with the bulk request. */
export function refetchFrame(at: RulesetAt): Buffer {
  const etag = formatCursor(at);
  const lastModified = Math.floor(Date.parse(at.committedAt) / 1000);
  const data = JSON.stringify({ type: 'refetchEvaluation', etag, lastModified });
  return Buffer.from(`id: ${etag}\ndata: ${data}\n\n`);
}

/** Moves the client's id on, and tells it nothing. */
export function positionFrame(at: RulesetAt): Buffer {
  return Buffer.from(`id: ${formatCursor(at)}\n\n`);
}

/** What an EventSource understands of a goodbye: when to come back. The end of the stream says the rest. */
export function retryFrame(reconnectInMs: number): Buffer {
  return Buffer.from(`retry: ${reconnectInMs}\n\n`);
}
