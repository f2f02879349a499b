import type { LiveEvent } from '@dimmer/schema/rest';
import { sseFrame } from '../delivery/frames.ts';

/**
 * The bytes of one live event.
 *
 * @param id - `epoch:revision`, where a reader that comes back should go on.
 * @example liveFrame({ event: 'heartbeat', data: { revision: 42 } })
 */
export function liveFrame({ event, data }: LiveEvent, id?: string): Buffer {
  return sseFrame(event, data, id);
}
