import type { Registry } from 'prom-client';
import { Counter, collectDefaultMetrics, Gauge, Histogram } from 'prom-client';

/** What the HTTP face counts. Labels are bounded: routes are patterns, never paths. */
export interface HttpMetrics {
  /** @param durationMs - From the first line of the request to the answer. */
  observe(request: { method: string; route: string; status: number }, durationMs: number): void;
}

/** Those that routes have. A caller may send dozens of others, and each would be a series of its own. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

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
    observe: ({ method: given, route, status }, durationMs) => {
      const method = METHODS.has(given) ? given : 'OTHER';
      const name = `${method} ${route} ${status}`;
      const entry = known.get(name) ?? lookUp(method, route, status);
      known.set(name, entry);
      entry.count.inc();
      entry.time.observe(durationMs / 1000);
    },
  };
}

/** What one reading says under one set of labels. */
export interface Reading<Name extends string> {
  readonly labels: { readonly [label: string]: string };
  readonly values: { readonly [name in Name]: number };
}

/**
 * Registers gauges that are filled together, by one reading, when somebody collects them.
 *
 * @param gauges - The help of each, by its name.
 * @example registerReadings(registry, ['queue'], { dimmer_queue_length: 'What waits.' }, () => queues.map(readingOf));
 */
export function registerReadings<Name extends string>(
  registry: Registry,
  labelNames: readonly string[],
  gauges: { readonly [name in Name]: string },
  read: () => Iterable<Reading<Name>>,
): void {
  const made: { readonly name: Name; readonly gauge: Gauge }[] = [];
  const fill = (): void => {
    for (const { gauge } of made) gauge.reset();
    for (const { labels, values } of read())
      for (const { name, gauge } of made) gauge.set({ ...labels }, values[name]);
  };
  // Gauges are collected in the order in which they were registered: the first reads for all of them.
  for (const [name, help] of Object.entries<string>(gauges)) {
    const collect = made.length === 0 ? { collect: fill } : {};
    const gauge = new Gauge({ name, help, labelNames: [...labelNames], registers: [registry], ...collect });
    made.push({ name: name as Name, gauge });
  }
}

/** What a metric is called, and what it says. */
export interface MetricName {
  readonly name: string;
  readonly help: string;
}

/**
 * Registers a counter whose total is kept as a plain number, and read when somebody collects it.
 *
 * @example registerTotal(registry, { name: 'dimmer_stream_bytes_total', help: 'Bytes handed to streams.' }, () => counts.bytes);
 */
export function registerTotal(registry: Registry, metric: MetricName, read: () => number): void {
  new Counter({
    ...metric,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

/**
 * The same for totals by the value of one label.
 *
 * @param totals - By value; they are read when somebody collects.
 */
export function registerTotals(
  registry: Registry,
  { label, ...metric }: MetricName & { readonly label: string },
  totals: { readonly [value: string]: number },
): void {
  new Counter({
    ...metric,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, total] of Object.entries(totals)) this.inc({ [label]: value }, total);
    },
  });
}
