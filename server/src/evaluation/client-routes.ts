import { parseCursor } from '@dimmer/schema';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import { Hono } from 'hono';
import type { Delivery } from '../delivery/delivery.ts';
import type { DeliveryEnv } from '../delivery/delivery-env.ts';
import { snapshotDocument } from '../delivery/frames.ts';
import { minRevisionOf } from '../delivery/min-revision.ts';
import { answerRefusal, noSuchEnvironment } from '../delivery/stream-refusal.ts';
import { etagOf, namesEtag } from '../http/etag.ts';
import { rawBody } from '../http/json-body.ts';
import { answerProblem } from '../http/problem.ts';
import type { Tracing } from '../platform/tracing.ts';
import { placeOf } from '../platform/tracing.ts';
import type { ClientContext } from './client-context.ts';
import { fingerprintOf } from './client-context.ts';
import type { ClientRequest } from './client-request.ts';
import { readClientRequest } from './client-request.ts';
import { ContextValues } from './context-values.ts';
import type { SecureMode } from './secure-mode.ts';
import { ValueCache } from './value-cache.ts';
import { valueView } from './value-view.ts';

export interface ClientRoutesParts {
  readonly delivery: Pick<Delivery, 'ruleset' | 'openView'>;
  readonly secureMode: SecureMode;
  readonly tracing: Tracing;
  /** Told how many evaluations were made. */
  readonly onEvaluated: (count: number) => void;
}

/**
 * `POST /evaluate` and `POST /stream`, to be mounted at `/client/v1` behind whatever sets `environment` and `keyId`.
 * A context comes in the body, because addresses end up in logs.
 */
export function clientRoutes(parts: ClientRoutesParts): Hono<DeliveryEnv> {
  const cache = new ValueCache();
  const valuesOf = ({ context }: ClientContext): ContextValues =>
    new ContextValues(context, cache, parts.onEvaluated);
  const allowed = async (
    c: Context<DeliveryEnv>,
    answer: (request: ClientRequest, signedBy: string | null, minRevision: number) => Promise<Response>,
  ): Promise<Response> => {
    const minRevision = minRevisionOf(c);
    if (!minRevision.ok) return answerProblem(c, minRevision.rejection);
    const request = await readClientRequest(rawBody(c));
    if (!request.ok) return answerProblem(c, request.rejection);
    const { context, hash } = request.value;
    const proof = await parts.secureMode.check(c.get('environment'), context, hash);
    if (!proof.ok) return answerProblem(c, proof.rejection);
    return answer(request.value, proof.value, minRevision.value);
  };
  return new Hono<DeliveryEnv>()
    .post('/evaluate', (c) => allowed(c, ({ context }, _, minRevision) => evaluate(c, context, minRevision)))
    .post('/stream', (c) => allowed(c, (request, ...terms) => stream(c, request, ...terms)));

  async function evaluate(
    c: Context<DeliveryEnv>,
    context: ClientContext,
    minRevision: number,
  ): Promise<Response> {
    const at = await parts.delivery.ruleset(c.get('environment'), minRevision);
    if (at === undefined) return noSuchEnvironment(c);
    const etag = etagOf(`${at.epoch}:${at.revision}:${fingerprintOf(context)}`);
    const headers = { etag, 'cache-control': 'private, no-cache' };
    const known = c.req.header('if-none-match');
    if (known !== undefined && namesEtag(known, etag, 'weak')) return c.body(null, 304, headers);
    const values = valuesOf(context);
    parts.tracing.within('evaluate', placeOf(c.get('environment')), () =>
      values.advance(cache.flagsOf(at.ruleset)),
    );
    const puts = values.values.map(({ put }) => put);
    const body = snapshotDocument({ ...at, digest: values.digest }, puts);
    return c.body(body, 200, { ...headers, 'content-type': 'application/json' });
  }

  async function stream(
    c: Context<DeliveryEnv>,
    request: ClientRequest,
    signedBy: string | null,
    minRevision: number,
  ): Promise<Response> {
    const { outgoing: response } = c.env;
    if (response === undefined)
      throw new TypeError('A stream writes to the raw response of Node, and there is none.');
    const { context, digest, since = parseCursor(c.req.header('last-event-id')) } = request;
    const view = valueView(valuesOf(context), cache, { since, digest });
    const opened = await parts.delivery.openView(c.get('environment'), {
      response,
      keyId: c.get('keyId'),
      signedBy,
      minRevision,
      headers: { ...Object.fromEntries(c.res.headers), vary: 'Origin', 'x-request-id': c.get('requestId') },
      view,
    });
    if (opened.outcome === 'opened') return RESPONSE_ALREADY_SENT;
    if (opened.outcome === 'absent') return noSuchEnvironment(c);
    return answerRefusal(c, opened, 'POST /client/v1/evaluate');
  }
}
