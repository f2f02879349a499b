import type { Registry } from 'prom-client';
import { Counter, collectDefaultMetrics, Histogram } from 'prom-client';

/** What the HTTP face counts. Labels are bounded: routes are patterns, never paths. */
export interface HttpMetrics {
  /** @param durationMs - From the first line of the request to the answer. */
  observe(request: { method: string; route: string; status: number }, durationMs: number): void;
}

/** Adds the facts of the process (memory, event loop, handles). Once per process: they are not a server's. */
export function addProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
}

/** @example createHttpMetrics(registry).observe({ method: 'GET', route: '/livez', status: 200 }, 3) */
export function createHttpMetrics(registry: Registry): HttpMetrics {
  const requests = new Counter({
    name: 'dimmer_http_requests_total',
    help: 'Requests answered, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'dimmer_http_request_seconds',
    help: 'Time to answer a request, by method and route; of a stream, to open it.',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [registry],
  });
  // To look labels up costs more than to count: each set of them is looked up once.
  const lookUp = (method: string, route: string, status: number) => ({
    count: requests.labels(method, route, String(status)),
    time: seconds.labels(method, route),
  });
  const known = new Map<string, ReturnType<typeof lookUp>>();
  return {
    observe: ({ method, route, status }, durationMs) => {
      const name = `${method} ${route} ${status}`;
      const entry = known.get(name) ?? lookUp(method, route, status);
      known.set(name, entry);
      entry.count.inc();
      entry.time.observe(durationMs / 1000);
    },
  };
}
