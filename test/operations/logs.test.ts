import { request } from 'node:http';
import type { RunningServer } from '@dimmer/server';
import { createLog, MemoryStorage, parseSettings, startServer, systemClock } from '@dimmer/server';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 40_000 };

const ADMIN = `dim_adm_${'Admin0'.repeat(6)}`;
const SERVER = `dim_srv_${'Server'.repeat(6)}`;
const CLIENT = `dim_cli_${'Client'.repeat(6)}`;
const UNKNOWN = `dim_adm_${'Nobody'.repeat(6)}`;
/** Somebody's data, in every place where a caller can put some. */
const CANARY = 'canary-7d1f';

const lines: string[] = [];
let server: RunningServer;
beforeAll(async () => {
  const settings = parseSettings({
    DIMMER_PORT: '0',
    DIMMER_BOOTSTRAP_ADMIN_KEY: ADMIN,
    DIMMER_BOOTSTRAP_SERVER_KEY: SERVER,
    DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT,
  });
  if (!settings.ok) throw new TypeError('the settings of the test are refused');
  server = await startServer({
    settings: settings.settings,
    storage: new MemoryStorage({ clock: systemClock }),
    log: createLog('debug', { write: (line) => void lines.push(line) }),
    version: '0.0.0-test',
  });
});
afterAll(() => server.close());

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly key: string;
  readonly body?: string;
}

/** Headers as a browser behind a proxy sends them, with the canary in each that a person could be known by. */
function ask({ method, path, key, body = '' }: Asked): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(`${server.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        cookie: `session=${CANARY}`,
        'user-agent': CANARY,
        'x-forwarded-for': `203.0.113.7, ${CANARY}`,
        'x-request-id': 'no acceptable id',
      },
    });
    asked.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
      // Of a stream, its beginning is enough.
      response.once('data', () => response.destroy());
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const CONTEXT = JSON.stringify({ context: { targetingKey: CANARY, email: `${CANARY}@example.com` } });
const FLAGS = '/api/v1/projects/default/flags';
const PRODUCTION = '/api/v1/projects/default/environments/production';
const ASKED: readonly (readonly [Asked, number])[] = [
  [
    { method: 'POST', path: FLAGS, key: ADMIN, body: JSON.stringify({ key: CANARY, description: CANARY }) },
    201,
  ],
  [
    {
      method: 'POST',
      path: `${PRODUCTION}/flags/${CANARY}/kill`,
      key: ADMIN,
      body: JSON.stringify({ reason: CANARY }),
    },
    200,
  ],
  [{ method: 'POST', path: `${PRODUCTION}/flags/${CANARY}/explain`, key: ADMIN, body: CONTEXT }, 200],
  [{ method: 'GET', path: `${FLAGS}?text=${CANARY}`, key: ADMIN }, 400],
  [{ method: 'POST', path: FLAGS, key: ADMIN, body: `{"key": "${CANARY}` }, 400],
  [{ method: 'POST', path: FLAGS, key: UNKNOWN, body: JSON.stringify({ key: CANARY }) }, 401],
  [{ method: 'GET', path: `/${CANARY}?key=${CANARY}`, key: ADMIN }, 404],
  [{ method: 'POST', path: '/client/v1/evaluate', key: CLIENT, body: CONTEXT }, 200],
  [{ method: 'POST', path: '/client/v1/stream', key: CLIENT, body: CONTEXT }, 200],
  [{ method: 'POST', path: `/ofrep/v1/evaluate/flags/${CANARY}`, key: SERVER, body: CONTEXT }, 200],
  [{ method: 'POST', path: '/ofrep/v1/evaluate/flags', key: CLIENT, body: CONTEXT }, 200],
  [{ method: 'POST', path: '/sdk/v1/report', key: SERVER, body: JSON.stringify({ canary: CANARY }) }, 400],
];

describe('the log', () => {
  test('[P26] at its loudest it holds no context, key, body, query, header or path (SEC-14)', async () => {
    for (const [asked] of ASKED) await ask(asked);
    await vi.waitFor(
      () => expect(lines.filter((line) => line.includes('"answered"'))).toHaveLength(ASKED.length),
      PATIENTLY,
    );
    const text = lines.join('');
    for (const secret of [CANARY, ADMIN, SERVER, CLIENT, UNKNOWN, '203.0.113.7'])
      expect(text).not.toContain(secret);
  });

  test('[P26] each event is one line of JSON with level, time and words; a request has its id, route and status', () => {
    const events = lines.map((line) => {
      expect(line.endsWith('\n')).toBe(true);
      expect(line.slice(0, -1)).not.toContain('\n');
      return JSON.parse(line) as Record<string, unknown>;
    });
    for (const { level, time, msg } of events) {
      expect([20, 30, 40, 50]).toContain(level);
      expect(new Date(String(time)).toISOString()).toBe(time);
      expect(String(msg).length).toBeGreaterThan(5);
    }
    const answered = events.filter(({ msg }) => msg === 'answered');
    expect(new Set(answered.map(({ requestId }) => requestId)).size).toBe(ASKED.length);
    for (const event of answered) {
      expect(event).toMatchObject({
        method: expect.any(String),
        status: expect.any(Number),
        durationMs: expect.any(Number),
      });
      expect(event['route']).toMatch(/^(\/|none$)/);
    }
    expect(answered.map(({ status }) => status).sort()).toEqual(ASKED.map(([, status]) => status).sort());
  });

  test('[P26] what a caller by mistake hands to the log as context, secret or authorization is taken out', () => {
    const written: string[] = [];
    const log = createLog('info', { write: (line) => void written.push(line) });
    log.info({ secret: CANARY, context: { email: CANARY }, request: { authorization: CANARY } }, 'a slip');
    log.warn({ err: new Error('fault'), key: { secret: CANARY } }, 'another slip');
    expect(written).toHaveLength(2);
    expect(written.join('')).not.toContain(CANARY);
    expect(written.join('')).toContain('[Redacted]');
  });
});
