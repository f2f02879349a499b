import type { Hono } from 'hono';
import type { Registry } from 'prom-client';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { HttpMetrics } from '../platform/metrics.ts';
import { createHttpMetrics } from '../platform/metrics.ts';
import type { Random } from '../platform/random.ts';
import type { Tracing } from '../platform/tracing.ts';
import { answerFault } from './fault.ts';
import type { HttpEnv } from './http-env.ts';
import { answerNotFound } from './not-found.ts';
import { requestId, requestIds } from './request-id.ts';
import { requestLog } from './request-log.ts';
import { requestTrace } from './request-trace.ts';

/** What every request goes through, whatever it asks for. */
export interface HttpFrame {
  /** Names a request. */
  readonly newId: () => string;
  readonly metrics: HttpMetrics;
  /** Names, logs and counts each request, and answers faults and what no route takes. Before any route. */
  mount<E extends HttpEnv>(routes: Hono<E>): void;
}

/** @example createHttpFrame({ clock, random, log, metrics, tracing }).mount(routes) */
export function createHttpFrame(parts: {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Registry;
  readonly tracing: Tracing;
  /** What is said while what is read from does not answer. */
  readonly unavailable: string;
}): HttpFrame {
  const { clock, random, log, tracing, unavailable } = parts;
  const newId = requestIds(random);
  const metrics = createHttpMetrics(parts.metrics);
  return {
    newId,
    metrics,
    mount: (routes) => {
      routes.use(requestId(newId));
      routes.use(requestTrace(tracing));
      routes.use(requestLog(log, metrics, clock));
      routes.onError(answerFault(log, unavailable));
      routes.notFound(answerNotFound(routes));
    },
  };
}
