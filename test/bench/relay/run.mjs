/**
 * How much later a kill arrives behind a relay.
 *
 *   node test/bench/relay/run.mjs
 *
 * Server and relay are processes of their own; the SDKs share this one, half of them at the server and half at the
 * relay, opened in turns. Prints p50 and p99 from the commit (clock of this machine) to the changed value for both
 * halves of the same kills, and their ratio.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Dimmer } from '@dimmer/node';

const PAIRS = 50;
const KILLS = 40;
const FLAG = 'checkout-v2';
const adminKey = `dim_adm_${'Admin0'.repeat(6)}`;
const serverKey = `dim_srv_${'Server'.repeat(6)}`;
const directory = await mkdtemp(join(tmpdir(), 'dimmer-relay-bench-'));

const server = await start(['serve'], {
  DIMMER_DATABASE_URL: `file:${join(directory, 'dimmer.db')}`,
  DIMMER_BOOTSTRAP_ADMIN_KEY: adminKey,
  DIMMER_BOOTSTRAP_SERVER_KEY: serverKey,
});
const relay = await start(['relay'], {
  DIMMER_RELAY_UPSTREAM: server.url,
  DIMMER_RELAY_KEYS: serverKey,
  DIMMER_RELAY_CACHE: join(directory, 'relay'),
});

const configuration = `/api/v1/projects/default/environments/production/flags/${FLAG}`;
await send('POST', '/api/v1/projects/default/flags', { key: FLAG });
await send('PATCH', configuration, { enabled: true });

const sdks = Array.from({ length: 2 * PAIRS }, (_, index) => {
  const { url } = index % 2 === 0 ? server : relay;
  return { isBehind: url === relay.url, flags: new Dimmer({ url, key: serverKey, cache: false }) };
});
await Promise.all(sdks.map(({ flags }) => flags.ready({ timeoutMs: 20_000 })));
await Promise.all(sdks.map((sdk) => becomes(sdk, true)));

const direct = [];
const behind = [];
for (let round = 0; round < KILLS; round += 1) {
  const seen = sdks.map(async (sdk) => {
    await becomes(sdk, false);
    return { isBehind: sdk.isBehind, at: performance.timeOrigin + performance.now() };
  });
  const { receipt } = await send('POST', `${configuration}/kill?wait=0`, { reason: 'measured' });
  const committedAt = Date.parse(receipt.committedAt);
  for (const { isBehind, at } of await Promise.all(seen)) (isBehind ? behind : direct).push(at - committedAt);
  const restored = sdks.map((sdk) => becomes(sdk, true));
  await send('POST', `${configuration}/restore`, {});
  await Promise.all(restored);
}

const figure = (values, share) => [...values].sort((a, b) => a - b)[Math.ceil(values.length * share) - 1];
const row = (name, values) =>
  `${name}  p50 ${figure(values, 0.5).toFixed(1)}   p99 ${figure(values, 0.99).toFixed(1)}   max ${figure(values, 1).toFixed(1)}`;
const ratio = (share) => (figure(behind, share) / figure(direct, share)).toFixed(2);
console.log(`kill committed -> value changed, ${KILLS} kills (ms; the commit's time is a whole millisecond)`);
console.log(`  ${row(`${PAIRS} SDKs at the server (reference)`, direct)}`);
console.log(`  ${row(`${PAIRS} SDKs behind the relay        `, behind)}`);
console.log(`  ratio: p50 ${ratio(0.5)}   p99 ${ratio(0.99)}`);

await Promise.all(sdks.map(({ flags }) => flags.close()));
for (const { child } of [relay, server]) {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}
await rm(directory, { recursive: true });

function start(words, environment) {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../../../server/bin/dimmer.js', import.meta.url)), ...words],
    {
      env: {
        ...process.env,
        DIMMER_PORT: '0',
        DIMMER_LOG_LEVEL: 'error',
        DIMMER_DRAIN_ACCEPT_MS: '0',
        DIMMER_DRAIN_SPREAD_MS: '0',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  return new Promise((resolve, reject) => {
    let said = '';
    child.once('exit', (code) => reject(new Error(`${words} ended with ${code}`)));
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const url = /curl (http:\/\/[\w.]+:\d+)|listens on (http:\/\/[\w.]+:\d+)/.exec(said);
      if (url) resolve({ child, url: url[1] ?? url[2] });
    });
  });
}

function becomes({ flags }, wanted) {
  const value = () => flags.boolean(FLAG, { targetingKey: 'user-1' }, false);
  return new Promise((resolve) => {
    if (value() === wanted) return resolve();
    const stop = flags.onChange(FLAG, () => {
      if (value() !== wanted) return;
      stop();
      resolve();
    });
  });
}

async function send(method, path, body) {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return response.json();
}
