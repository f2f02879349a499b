import { parseCursor } from '@dimmer/schema';
import { LIVE_EVENTS, LiveQuery } from '@dimmer/schema/rest';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { z } from 'zod';
import { answerRefusal } from '../delivery/stream-refusal.ts';
import { STREAM_HEADERS } from '../delivery/subscriber.ts';
import { answerProblem } from '../http/problem.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { Live } from './live.ts';

const watching = restRoute({
  method: 'get',
  path: '/api/v1/projects/{project}/environments/{environment}/live',
  tag: 'Live',
  summary:
    'Server-sent events: every change of an environment, and who has applied it, while it happens. The events are `hello`, `change`, `receipt`, `heartbeat` and `goodbye`; the data of each is one of the objects below.',
  query: LiveQuery,
  answer: [200, z.union(Object.values(LIVE_EVENTS)), 'text/event-stream'],
});

/** The live stream of an environment. */
export function liveRoutes(live: Live): RestRoutes {
  const routes = restRoutes();
  routes.openapi(watching, async (c) => {
    // Asked with HEAD, a stream would be an answer without a body that never ends.
    if (c.req.raw.method === 'HEAD') return c.body(null, 200, STREAM_HEADERS);
    const { outgoing: response } = c.env;
    if (response === undefined)
      throw new TypeError('A stream writes to the raw response of Node, and there is none.');
    const opened = await live.open(c.req.valid('param'), {
      response,
      since: c.req.valid('query').since,
      cursor: parseCursor(c.req.header('last-event-id')),
      keyId: c.get('key').id,
      headers: { 'x-request-id': c.get('requestId') },
    });
    if (!opened.ok) return answerProblem(c, opened.rejection);
    return opened.value.outcome === 'opened'
      ? RESPONSE_ALREADY_SENT
      : answerRefusal(c, opened.value, 'GET .../revisions');
  });
  return routes;
}
