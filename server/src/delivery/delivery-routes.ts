import { parseCursor } from '@dimmer/schema';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context, MiddlewareHandler } from 'hono';
import { Hono } from 'hono';
import { etagOf, namesEtag } from '../http/etag.ts';
import { answerProblem } from '../http/problem.ts';
import type { Delivery } from './delivery.ts';
import type { DeliveryEnv } from './delivery-env.ts';
import { minRevisionOf } from './min-revision.ts';
import { answerRefusal, noSuchEnvironment } from './stream-refusal.ts';
import { STREAM_HEADERS } from './subscriber.ts';

/**
 * `GET /stream` and `GET /snapshot`, to be mounted at `/sdk/v1`.
 *
 * @param authenticateServerKey - Refuses a request, or sets `environment` and `keyId`.
 * @example app.route('/sdk/v1', deliveryRoutes(delivery, authenticateServerKey));
 */
export function deliveryRoutes(
  delivery: Delivery,
  authenticateServerKey: MiddlewareHandler<DeliveryEnv>,
): Hono<DeliveryEnv> {
  return new Hono<DeliveryEnv>()
    .get('/stream', authenticateServerKey, (c) => stream(c, delivery))
    .get('/snapshot', authenticateServerKey, (c) => snapshot(c, delivery));
}

async function stream(c: Context<DeliveryEnv>, delivery: Delivery): Promise<Response> {
  // Asked with HEAD, a stream would be an answer without a body that never ends.
  if (c.req.raw.method === 'HEAD') return c.body(null, 200, STREAM_HEADERS);
  const { outgoing: response } = c.env;
  if (response === undefined)
    throw new TypeError('A stream writes to the raw response of Node, and there is none.');
  const minRevision = minRevisionOf(c);
  if (!minRevision.ok) return answerProblem(c, minRevision.rejection);
  const cursor = parseCursor(c.req.query('since') ?? c.req.header('last-event-id'));
  const headers = { 'x-request-id': c.get('requestId') };
  const request = { response, cursor, headers, keyId: c.get('keyId'), minRevision: minRevision.value };
  const opened = await delivery.openStream(c.get('environment'), request);
  if (opened.outcome === 'opened') return RESPONSE_ALREADY_SENT;
  if (opened.outcome === 'absent') return noSuchEnvironment(c);
  return answerRefusal(c, opened, 'GET /sdk/v1/snapshot');
}

async function snapshot(c: Context<DeliveryEnv>, delivery: Delivery): Promise<Response> {
  const minRevision = minRevisionOf(c);
  if (!minRevision.ok) return answerProblem(c, minRevision.rejection);
  const encoded = await delivery.snapshot(c.get('environment'), minRevision.value);
  if (encoded === undefined) return noSuchEnvironment(c);
  const etag = etagOf(encoded.cursor);
  const headers = { etag, 'cache-control': 'no-cache' };
  const known = c.req.header('if-none-match');
  if (known !== undefined && namesEtag(known, etag, 'weak')) return c.body(null, 304, headers);
  return c.body(encoded.body, 200, { ...headers, 'content-type': 'application/json' });
}
