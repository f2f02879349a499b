import type { Cursor } from '@dimmer/schema';
import { formatCursor, parseCursor } from '@dimmer/schema';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import { Hono } from 'hono';
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
import type { Tracing } from '../platform/tracing.ts';
import { placeOf } from '../platform/tracing.ts';
import { StorageFault } from '../storage/storage.ts';
import { bulkBody, bulkEtag } from './bulk-answer.ts';
import type { EncodedAnswers } from './encoded-answers.ts';
import { answerFault, answerJson } from './ofrep-answers.ts';
import type { CallerPorts } from './ofrep-caller.ts';
import { callerWith, readQuestion } from './ofrep-caller.ts';
import type { OfrepFault } from './ofrep-fault.ts';
import { FLAG_NOT_FOUND, faultOfCause } from './ofrep-fault.ts';
import { retryFrame } from './refetch-frames.ts';
import type { RefetchViews } from './refetch-view.ts';
import { refetchViews } from './refetch-view.ts';
import { readTicket, streamUrl, ticketHolder, ticketHourOf } from './stream-ticket.ts';
import { visibleFlagOf } from './visible-flags.ts';

export interface OfrepServices extends CallerPorts {
  readonly delivery: Pick<Delivery, 'ruleset' | 'openView'>;
  readonly keys: Pick<KeyDirectory, 'all'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly tracing: Tracing;
  readonly encode: EncodedAnswers;
}

type OfrepContext = Context<HttpEnv>;

/**
 * OFREP 0.3, to be mounted at `/ofrep/v1`: one flag, all flags, and a stream that says when to ask again.
 *
 * @see https://openfeature.dev/docs/reference/other-technologies/ofrep/
 * @example app.route('/ofrep/v1', ofrepRoutes({ delivery, identify, keys, limits, secureMode, clock, random, log, encode }));
 */
export function ofrepRoutes(services: OfrepServices): Hono<HttpEnv> {
  const { encode } = services;
  const views = refetchViews(services.random);
  return new Hono<HttpEnv>()
    .post('/evaluate/flags', (c) => answerBulk(c, services, encode))
    .post('/evaluate/flags/:key{.+}', (c) => answerFlag(c, services, encode))
    .get('/stream', (c) => answerStream(c, services, views))
    .onError((cause, c) => {
      const requestId = c.get('requestId');
      const fault = faultOfCause(cause, requestId);
      if (fault.status === 500) services.log.error({ requestId, err: cause }, 'a request met a defect');
      else services.log.warn({ requestId, err: cause }, 'a request met a storage fault');
      return answerFault(c, fault);
    });
}

async function answerFlag(
  c: OfrepContext,
  services: OfrepServices,
  encode: EncodedAnswers,
): Promise<Response> {
  const question = await readQuestion(c, services);
  if ('fault' in question) return answerFault(c, question.fault);
  const { environment, audience, asked, minRevision } = question;
  const at = await services.delivery.ruleset(environment, minRevision);
  const flag = at && visibleFlagOf(at.ruleset, audience, c.req.param('key') ?? '');
  if (flag === undefined) return answerFault(c, FLAG_NOT_FOUND);
  const evaluated = services.tracing.within('evaluate', placeOf(environment), () =>
    flag.evaluate(asked.context),
  );
  const { status, body } = encode(flag, evaluated);
  return answerJson(c, status, body);
}

async function answerBulk(
  c: OfrepContext,
  services: OfrepServices,
  encode: EncodedAnswers,
): Promise<Response> {
  const caller = await readQuestion(c, services);
  if ('fault' in caller) return answerFault(c, caller.fault);
  const { key, environment, audience, asked, minRevision } = caller;
  const wanted = parseCursor(c.req.query('flagConfigEtag'));
  const at = await rulesetFrom(services.delivery, environment, minRevision, wanted);
  if (at === undefined) return answerFault(c, noEnvironment);
  const now = services.clock.now();
  const question = { at, audience, asked };
  const etag = bulkEtag(question, ticketHourOf(now));
  const headers = { etag, 'cache-control': 'private, no-cache' };
  const known = c.req.header('if-none-match');
  if (known !== undefined && namesEtag(known, etag, 'weak')) return c.body(null, 304, headers);
  const body = services.tracing.within('evaluate', placeOf(environment), () =>
    bulkBody(question, encode, streamUrl(key, formatCursor(at), now)),
  );
  return answerJson(c, 200, body, headers);
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
  // The answer's so far are those of CORS: an EventSource of another origin needs them.
  const headers = { ...Object.fromEntries(c.res.headers), 'x-request-id': c.get('requestId') };
  const request = { response, keyId: key.id, headers, view: views(audience, cursor) };
  const opened = await services.delivery.openView(environment, request);
  if (opened.outcome === 'opened') return RESPONSE_ALREADY_SENT;
  if (opened.outcome === 'absent') return answerFault(c, deadTicket);
  // An EventSource gives up for good on any status but 200. So it is told when to come back, in its own words.
  return c.body(`${retryFrame(opened.retryAfterSeconds * 1_000)}`, 200, STREAM_HEADERS);
}

/**
 * The flags at a revision that an event stream named, perhaps that of another server which is ahead of this one.
 * Where it does not get there in time, what is there is better than nothing: the stream of this server says when
 * there is more.
 */
async function rulesetFrom(
  delivery: OfrepServices['delivery'],
  environment: EnvironmentRef,
  minRevision: number,
  wanted: Cursor | undefined,
): Promise<RulesetAt | undefined> {
  const at = await delivery.ruleset(environment, minRevision);
  if (at === undefined || wanted?.epoch !== at.epoch || wanted.revision <= at.revision) return at;
  return delivery.ruleset(environment, wanted.revision).catch((cause: unknown) => {
    if (cause instanceof StorageFault) return at;
    throw cause;
  });
}

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
