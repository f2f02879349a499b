import assert from 'node:assert/strict';
import type { Cursor } from '@dimmer/schema';
import { formatCursor, parseCursor } from '@dimmer/schema';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import { Hono } from 'hono';
import type { ApiKey } from '../access/api-key.ts';
import type { Identify } from '../access/guard.ts';
import type { KeyDirectory } from '../access/key-directory.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { RulesetAt } from '../delivery/environment-ruleset.ts';
import { STREAM_HEADERS } from '../delivery/subscriber.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import { namesEtag } from '../http/etag.ts';
import type { HttpEnv } from '../http/http-env.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { StorageFault } from '../storage/storage.ts';
import { bulkBody, bulkEtag } from './bulk-answer.ts';
import type { EncodedAnswers } from './encoded-answers.ts';
import { encodedAnswers } from './encoded-answers.ts';
import type { OfrepFault } from './ofrep-fault.ts';
import { accessFault, FLAG_NOT_FOUND, faultOfCause } from './ofrep-fault.ts';
import { readContext } from './ofrep-request.ts';
import { retryFrame } from './refetch-frames.ts';
import type { RefetchViews } from './refetch-view.ts';
import { refetchViews } from './refetch-view.ts';
import { readTicket, streamUrl, ticketHolder, ticketHourOf } from './stream-ticket.ts';
import type { Audience } from './visible-flags.ts';
import { visibleFlagOf } from './visible-flags.ts';

export interface OfrepServices {
  readonly delivery: Pick<Delivery, 'ruleset' | 'openView'>;
  readonly identify: Identify;
  readonly keys: Pick<KeyDirectory, 'all'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

type OfrepContext = Context<HttpEnv>;

/**
 * OFREP 0.3, to be mounted at `/ofrep/v1`: one flag, all flags, and a stream that says when to ask again.
 *
 * @see https://openfeature.dev/docs/reference/other-technologies/ofrep/
 * @example app.route('/ofrep/v1', ofrepRoutes({ delivery, identify, keys, clock, random, log }));
 */
export function ofrepRoutes(services: OfrepServices): Hono<HttpEnv> {
  const encode = encodedAnswers();
  const views = refetchViews(services.random);
  return new Hono<HttpEnv>()
    .post('/evaluate/flags', (c) => answerBulk(c, services, encode))
    .post('/evaluate/flags/:key{.+}', (c) => answerFlag(c, services, encode))
    .get('/stream', (c) => answerStream(c, services, views))
    .onError((cause, c) => {
      const fault = faultOfCause(cause, c.get('requestId'));
      if (fault.status === 500)
        services.log.error({ requestId: c.get('requestId'), err: cause }, 'a request met a defect');
      return answerFault(c, fault);
    });
}

async function answerFlag(
  c: OfrepContext,
  services: OfrepServices,
  encode: EncodedAnswers,
): Promise<Response> {
  const caller = await callerOf(c, services.identify);
  if ('fault' in caller) return answerFault(c, caller.fault);
  const read = await readContext(c.req.raw);
  if ('fault' in read) return answerFault(c, read.fault);
  const at = await services.delivery.ruleset(caller.environment, 0);
  const key = c.req.param('key') ?? '';
  const flag = at && visibleFlagOf(at.ruleset, caller.audience, key);
  if (flag === undefined) return answerFault(c, FLAG_NOT_FOUND);
  const { status, body } = encode(flag, flag.evaluate(read.context));
  return new Response(body, { status, headers: JSON_HEADERS });
}

async function answerBulk(
  c: OfrepContext,
  services: OfrepServices,
  encode: EncodedAnswers,
): Promise<Response> {
  const caller = await callerOf(c, services.identify);
  if ('fault' in caller) return answerFault(c, caller.fault);
  const read = await readContext(c.req.raw);
  if ('fault' in read) return answerFault(c, read.fault);
  const { audience, key } = caller;
  const at = await rulesetFrom(
    services.delivery,
    caller.environment,
    parseCursor(c.req.query('flagConfigEtag')),
  );
  if (at === undefined) return answerFault(c, noEnvironment);
  const now = services.clock.now();
  const question = { at, audience, context: read.context };
  const etag = bulkEtag(question, ticketHourOf(now));
  const headers = { etag, 'cache-control': 'private, no-cache' };
  const known = c.req.header('if-none-match');
  if (known !== undefined && namesEtag(known, etag, 'weak'))
    return new Response(null, { status: 304, headers });
  const body = bulkBody(question, encode, streamUrl(key, formatCursor(at), now));
  return new Response(body, { headers: { ...JSON_HEADERS, ...headers } });
}

async function answerStream(
  c: OfrepContext,
  services: OfrepServices,
  views: RefetchViews,
): Promise<Response> {
  if (c.req.raw.method === 'HEAD') return c.body(null, 200, STREAM_HEADERS);
  const { outgoing: response } = c.env;
  if (response === undefined)
    throw new TypeError('A stream writes to the raw response of Node, and there is none.');
  const ticket = readTicket(c.req.query());
  const key = ticket && ticketHolder(ticket, await services.keys.all(), services.clock.now());
  if (ticket === undefined || key === undefined) return answerFault(c, deadTicket);
  const { environment, audience } = callerWith(key);
  const cursor = parseCursor(c.req.header('last-event-id')) ?? parseCursor(ticket.since);
  const headers = { 'x-request-id': c.get('requestId') };
  const request = { response, keyId: key.id, headers, view: views(audience, cursor) };
  const opened = await services.delivery.openView(environment, request);
  if (opened.outcome === 'opened') return RESPONSE_ALREADY_SENT;
  if (opened.outcome === 'absent') return answerFault(c, deadTicket);
  // An EventSource gives up for good on any status but 200. So it is told when to come back, in its own words.
  return c.body(new Uint8Array(retryFrame(opened.retryAfterSeconds * 1_000)), 200, STREAM_HEADERS);
}

/** Who asks, and what they see. */
interface Caller {
  readonly key: ApiKey;
  readonly environment: EnvironmentRef;
  readonly audience: Audience;
}

async function callerOf(
  c: OfrepContext,
  identify: Identify,
): Promise<Caller | { readonly fault: OfrepFault }> {
  const apiKey = c.req.header('x-api-key');
  const authorization = c.req.header('authorization') ?? (apiKey && `Bearer ${apiKey}`);
  const found = await identify(authorization, ['server', 'client']);
  return found.ok ? callerWith(found.value) : { fault: accessFault(found.rejection) };
}

function callerWith(key: ApiKey): Caller {
  const { kind, project, environment } = key;
  assert(
    kind !== 'admin' && project !== null && environment !== null,
    `the key ${key.id} opens no environment`,
  );
  return { key, environment: { project, environment }, audience: kind };
}

/**
 * The flags at a revision that an event stream named, perhaps that of another server which is ahead of this one.
 * Where it does not get there in time, what is there is better than nothing: the stream of this server says when
 * there is more.
 */
async function rulesetFrom(
  delivery: OfrepServices['delivery'],
  environment: EnvironmentRef,
  wanted: Cursor | undefined,
): Promise<RulesetAt | undefined> {
  const at = await delivery.ruleset(environment, 0);
  if (at === undefined || wanted?.epoch !== at.epoch || wanted.revision <= at.revision) return at;
  return delivery.ruleset(environment, wanted.revision).catch((cause: unknown) => {
    if (cause instanceof StorageFault) return at;
    throw cause;
  });
}

/** No answer but that of a caller's own bulk request may be kept, and that only to ask whether it still holds. */
const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-store' };

const noEnvironment: OfrepFault = {
  status: 404,
  errorCode: 'GENERAL',
  errorDetails: 'The environment of the key does not exist.',
};

const deadTicket: OfrepFault = {
  status: 401,
  errorCode: 'GENERAL',
  errorDetails:
    'The URL of this stream has expired, or its key is gone. Ask for all flags again: the answer has a new one.',
};

function answerFault(c: OfrepContext, { status, errorCode, errorDetails, headers }: OfrepFault): Response {
  // Empty on every route but that of one flag.
  const key = c.req.param('key');
  const body = JSON.stringify({ ...(key !== undefined && { key }), errorCode, errorDetails });
  return new Response(body, { status, headers: { ...JSON_HEADERS, ...headers } });
}
