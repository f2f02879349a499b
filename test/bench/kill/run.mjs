/**
 * How long a kill takes to reach 100 running SDKs, from the moment its request is sent.
 *
 *   node test/bench/kill/run.mjs
 *
 * The server is a process of its own; the SDKs share this one. Prints p50, p99 and the worst of
 * 100 SDKs x 30 kills, and the round trip of an empty request beside them.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Dimmer } from '@dimmer/node';

const SDKS = 100;
const KILLS = 30;
const FLAG = 'checkout-v2';
const adminKey = `dim_adm_${'Admin0'.repeat(6)}`;
const serverKey = `dim_srv_${'Server'.repeat(6)}`;

const directory = await mkdtemp(join(tmpdir(), 'dimmer-kill-bench-'));
const server = spawn(
  process.execPath,
  [fileURLToPath(new URL('../../../server/bin/dimmer.js', import.meta.url)), 'serve'],
  {
    env: {
      ...process.env,
      DIMMER_PORT: '0',
      DIMMER_DATABASE_URL: `file:${join(directory, 'dimmer.db')}`,
      DIMMER_BOOTSTRAP_ADMIN_KEY: adminKey,
      DIMMER_BOOTSTRAP_SERVER_KEY: serverKey,
      DIMMER_LOG_LEVEL: 'warn',
      DIMMER_DRAIN_ACCEPT_MS: '0',
      DIMMER_DRAIN_SPREAD_MS: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
const url = await new Promise((resolve, reject) => {
  let said = '';
  server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  server.stdout.on('data', (chunk) => {
    said += chunk;
    const origin = /http:\/\/[\w.]+:\d+/.exec(said)?.[0];
    if (origin) resolve(origin);
  });
});

const configuration = `/api/v1/projects/default/environments/production/flags/${FLAG}`;
await send('POST', '/api/v1/projects/default/flags', { key: FLAG });
await send('PATCH', configuration, { enabled: true });

const sdks = Array.from({ length: SDKS }, () => new Dimmer({ url, key: serverKey, cache: false }));
await Promise.all(sdks.map((sdk) => sdk.ready({ timeoutMs: 10_000 })));
const value = (sdk) => sdk.boolean(FLAG, { targetingKey: 'user-1' }, false);

const kills = [];
const roundTrips = [];
for (let round = 0; round < KILLS; round += 1) {
  roundTrips.push(await timed(() => fetch(`${url}/livez`).then((response) => response.text())));
  const start = performance.now();
  const seen = sdks.map((sdk) => becomes(sdk, false).then(() => performance.now() - start));
  await send('POST', `${configuration}/kill`, { reason: 'measured' });
  kills.push(...(await Promise.all(seen)));
  const restored = sdks.map((sdk) => becomes(sdk, true));
  await send('POST', `${configuration}/restore`, {});
  await Promise.all(restored);
}

const figure = (values, q) => [...values].sort((a, b) => a - b)[Math.ceil(values.length * q) - 1].toFixed(1);
console.log(`kill sent -> value changed, ${SDKS} SDKs x ${KILLS} kills (ms)`);
console.log(`  p50 ${figure(kills, 0.5)}   p99 ${figure(kills, 0.99)}   max ${figure(kills, 1)}`);
console.log(`reference: GET /livez (ms)\n  p50 ${figure(roundTrips, 0.5)}   max ${figure(roundTrips, 1)}`);
console.log(`ratio p50 ${(figure(kills, 0.5) / figure(roundTrips, 0.5)).toFixed(1)}; bar: p99 100 ms`);

await Promise.all(sdks.map((sdk) => sdk.close()));
server.removeAllListeners('exit');
server.kill('SIGTERM');
await new Promise((resolve) => server.once('exit', resolve));
await rm(directory, { recursive: true });

function becomes(sdk, wanted) {
  return new Promise((resolve) => {
    if (value(sdk) === wanted) return resolve();
    const stop = sdk.onChange(FLAG, () => {
      if (value(sdk) !== wanted) return;
      stop();
      resolve();
    });
  });
}

async function timed(action) {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

async function send(method, path, body) {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response.json();
}
