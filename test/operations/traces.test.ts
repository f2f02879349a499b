import { request } from 'node:http';
import type { RunningServer } from '@dimmer/server';
import {
  createLog,
  createTracing,
  MemoryStorage,
  parseSettings,
  startServer,
  systemClock,
} from '@dimmer/server';
import { context, propagation, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 40_000 };

const ADMIN = `dim_adm_${'Admin0'.repeat(6)}`;
const SERVER = `dim_srv_${'Server'.repeat(6)}`;
const CLIENT = `dim_cli_${'Client'.repeat(6)}`;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SAMPLED = `00-${TRACE}-00f067aa0ba902b7-01`;
const UNSAMPLED = `00-${TRACE}-00f067aa0ba902b7-00`;
/** Somebody's data, in every place where a caller can put some. */
const CANARY = 'canary-7d1f';
const FLAG = '/api/v1/projects/default/environments/production/flags/checkout';

const exporter = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const lines: string[] = [];
let server: RunningServer;
beforeAll(async () => {
  provider.register();
  const settings = parseSettings({
    DIMMER_PORT: '0',
    DIMMER_BOOTSTRAP_ADMIN_KEY: ADMIN,
    DIMMER_BOOTSTRAP_SERVER_KEY: SERVER,
    DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT,
  });
  if (!settings.ok) throw new Error('the settings of the test are refused');
  server = await startServer({
    settings: settings.settings,
    storage: new MemoryStorage({ clock: systemClock }),
    log: createLog('debug', { write: (line) => void lines.push(line) }),
    version: '0.0.0-test',
    tracing: createTracing('0.0.0-test'),
  });
  await ask('POST', '/api/v1/projects/default/flags', { key: 'checkout', exposeToClients: true });
  await ask('PATCH', FLAG, { enabled: true });
});
afterAll(async () => {
  await server.close();
  await provider.shutdown();
  for (const global of [trace, context, propagation]) global.disable();
});
beforeEach(() => {
  exporter.reset();
  lines.length = 0;
});

interface Told {
  readonly key?: string;
  readonly traceparent?: string;
}

/** Over Node's own client: the body has a length, as programs send it. */
function ask(method: string, path: string, body: unknown, { key = ADMIN, traceparent }: Told = {}) {
  const text = JSON.stringify(body);
  return new Promise<number>((resolve, reject) => {
    const asked = request(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        ...(traceparent !== undefined && { traceparent }),
      },
    });
    asked.on('response', (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end(text);
  });
}

/** The spans so far, once there is one with each of these names. */
async function spansWith(...names: readonly string[]): Promise<readonly ReadableSpan[]> {
  return vi.waitFor(
    () => {
      const spans = exporter.getFinishedSpans();
      expect(spans.map((span) => span.name)).toEqual(expect.arrayContaining([...names]));
      return spans;
    },
    { timeout: 30_000, interval: 20 },
  );
}

const parentOf = (spans: readonly ReadableSpan[], name: string): string | undefined => {
  const parentId = spans.find((span) => span.name === name)?.parentSpanContext?.spanId;
  return spans.find((span) => span.spanContext().spanId === parentId)?.name;
};

describe('traces of a server', () => {
  test('[P9] a request is a span in the trace of its caller, named by its route', async () => {
    const route = 'GET /api/v1/projects/:project/flags/:flag';
    expect(await ask('GET', '/api/v1/projects/default/flags/checkout', null, { traceparent: SAMPLED })).toBe(
      200,
    );
    const span = (await spansWith(route)).find(({ name }) => name === route);
    expect(span?.spanContext().traceId).toBe(TRACE);
    expect(span?.parentSpanContext?.spanId).toBe('00f067aa0ba902b7');
    expect(span?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/api/v1/projects/:project/flags/:flag',
      'http.response.status_code': 200,
    });
  });

  test('[P9] probes are no spans, and a request without a trace begins one', async () => {
    for (const path of ['/livez', '/readyz', '/metrics']) await fetch(`${server.url}${path}`);
    await fetch(`${server.url}/nowhere`);
    const spans = await spansWith('GET none');
    expect(spans.map(({ name }) => name)).toEqual(['GET none']);
    expect(spans[0]?.parentSpanContext).toBeUndefined();
  });

  test('[P10] a write, its plan, the read of the feed and the fan-out are one trace', async () => {
    await openStream();
    exporter.reset();
    expect(await ask('POST', `${FLAG}/kill`, { reason: CANARY }, { traceparent: SAMPLED })).toBe(200);
    const kill = 'POST /api/v1/projects/:project/environments/:environment/flags/:flag/kill';
    const spans = await spansWith(kill, 'publish');
    expect(new Set(spans.map((span) => span.spanContext().traceId))).toEqual(new Set([TRACE]));
    expect(parentOf(spans, 'commit')).toBe(kill);
    expect(parentOf(spans, 'storage transact')).toBe('commit');
    expect(parentOf(spans, 'plan')).toBe('storage transact');
    expect(spans.map(({ name }) => name)).toContain('storage changesAfter');
    expect(spans.find(({ name }) => name === 'publish')?.attributes).toMatchObject({
      'dimmer.project': 'default',
      'dimmer.environment': 'production',
      'dimmer.streams': 1,
    });
  });

  test('[P10] what nobody asked for, and what is not sampled, makes no span', async () => {
    expect(await ask('PATCH', FLAG, { enabled: false }, { traceparent: UNSAMPLED })).toBe(200);
    expect(await ask('GET', '/api/v1/projects/default/flags', null, { traceparent: SAMPLED })).toBe(200);
    const spans = await spansWith('GET /api/v1/projects/:project/flags');
    expect(spans.map(({ name }) => name).filter((name) => /commit|publish|feed/.test(name))).toEqual([]);
  });

  test('[P11] an evaluation is traced where its caller samples it, and costs no span otherwise', async () => {
    const evaluate = (traceparent?: string) =>
      ask(
        'POST',
        '/ofrep/v1/evaluate/flags/checkout',
        { context: { targetingKey: CANARY } },
        { key: SERVER, ...(traceparent !== undefined && { traceparent }) },
      );
    expect(await evaluate()).toBe(200);
    expect(await evaluate(UNSAMPLED)).toBe(200);
    expect(exporter.getFinishedSpans()).toEqual([]);
    expect(await evaluate(SAMPLED)).toBe(200);
    const spans = await spansWith('POST /ofrep/v1/evaluate/flags/:key{.+}');
    expect(parentOf(spans, 'evaluate')).toBe('POST /ofrep/v1/evaluate/flags/:key{.+}');
  });

  test('[P12] spans hold neither contexts nor keys nor what was written (SEC-14)', async () => {
    const told = { traceparent: SAMPLED };
    await ask('POST', '/client/v1/evaluate', { context: { targetingKey: CANARY } }, { key: CLIENT, ...told });
    await ask('POST', '/api/v1/projects/default/flags', { key: CANARY }, told);
    await ask('POST', `${FLAG}/kill`, { reason: CANARY }, told);
    await ask(
      'POST',
      `/ofrep/v1/evaluate/flags/${CANARY}?q=${CANARY}`,
      { context: {} },
      { key: SERVER, ...told },
    );
    const spans = await spansWith('POST /client/v1/evaluate', 'POST /ofrep/v1/evaluate/flags/:key{.+}');
    expect(spans.length).toBeGreaterThan(6);
    const written = JSON.stringify(
      spans.map(({ name, attributes, events, status }) => [name, attributes, events, status]),
    );
    for (const secret of [CANARY, ADMIN, SERVER, CLIENT]) expect(written).not.toContain(secret);
  });

  test('[P13] the lines of a request name its trace', async () => {
    await ask('GET', '/api/v1/projects', null, { traceparent: SAMPLED });
    const answered = await vi.waitFor(() => {
      const line = lines
        .map((text) => JSON.parse(text) as Record<string, unknown>)
        .find(({ msg }) => msg === 'answered');
      expect(line).toBeDefined();
      return line;
    }, PATIENTLY);
    expect(answered).toMatchObject({ traceId: TRACE, route: '/api/v1/projects' });
  });
});

async function openStream(): Promise<void> {
  const stream = request(`${server.url}/sdk/v1/stream`, { headers: { authorization: `Bearer ${SERVER}` } });
  stream.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    stream.on('response', (response) => response.once('data', () => resolve()).resume());
    stream.once('error', reject);
    stream.end();
  });
}
