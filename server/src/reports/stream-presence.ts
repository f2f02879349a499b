import { INSTANCE_HEADER, INSTANCE_PATTERN } from '@dimmer/schema';
import type { MiddlewareHandler } from 'hono';
import type { DeliveryEnv } from '../delivery/delivery-env.ts';
import type { InstanceRegistry } from './instance-registry.ts';

/**
 * Notes which instance an open stream belongs to. A process that hangs says nothing, and still holds its
 * stream: it is what a receipt must name.
 */
export function watchStreams(
  registry: Pick<InstanceRegistry, 'connected'>,
): MiddlewareHandler<Pick<DeliveryEnv, 'Bindings'>> {
  return async (c, next) => {
    await next();
    const id = c.req.header(INSTANCE_HEADER);
    const { outgoing } = c.env;
    // Set by the key, further in: refused requests have none.
    const { environment } = c.var as Partial<DeliveryEnv['Variables']>;
    if (id === undefined || environment === undefined || !INSTANCE_PATTERN.test(id)) return;
    if (outgoing === undefined || outgoing.destroyed || outgoing.statusCode !== 200) return;
    if (!outgoing.headersSent) return;
    outgoing.once('close', registry.connected(environment, id));
  };
}
