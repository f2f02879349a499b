/**
 * How long a kill takes to reach 100 running SDKs, from the moment its request is sent.
 *
 *   node test/bench/kill/run.mjs
 *
 * The server is a process of its own; the SDKs share this one. Prints p50, p99 and the worst of
 * 100 SDKs x 30 kills, and the round trip of an empty request beside them.
 */
import { Dimmer } from '@dimmer/node';
import { ask, databaseFile, SERVER_KEY, startServer, stopServer } from '../server.mjs';

const SDKS = 100;
const KILLS = 30;
const FLAG = 'checkout-v2';

const server = await startServer(databaseFile(), 0, {
  settings: { DIMMER_DRAIN_ACCEPT_MS: '0', DIMMER_DRAIN_SPREAD_MS: '0' },
});
const url = `http://127.0.0.1:${server.port}`;

const configuration = `/api/v1/projects/default/environments/production/flags/${FLAG}`;
await ask(server, 'POST', '/api/v1/projects/default/flags', { key: FLAG });
await ask(server, 'PATCH', configuration, { enabled: true });

const sdks = Array.from({ length: SDKS }, () => new Dimmer({ url, key: SERVER_KEY, cache: false }));
await Promise.all(sdks.map((sdk) => sdk.ready({ timeoutMs: 10_000 })));
const value = (sdk) => sdk.boolean(FLAG, { targetingKey: 'user-1' }, false);

const kills = [];
const roundTrips = [];
for (let round = 0; round < KILLS; round += 1) {
  roundTrips.push(await timed(() => fetch(`${url}/livez`).then((response) => response.text())));
  const start = performance.now();
  const seen = sdks.map((sdk) => becomes(sdk, false).then(() => performance.now() - start));
  await ask(server, 'POST', `${configuration}/kill`, { reason: 'measured' });
  kills.push(...(await Promise.all(seen)));
  const restored = sdks.map((sdk) => becomes(sdk, true));
  await ask(server, 'POST', `${configuration}/restore`, {});
  await Promise.all(restored);
}

const figure = (values, q) => [...values].sort((a, b) => a - b)[Math.ceil(values.length * q) - 1].toFixed(1);
console.log(`kill sent -> value changed, ${SDKS} SDKs x ${KILLS} kills (ms)`);
console.log(`  p50 ${figure(kills, 0.5)}   p99 ${figure(kills, 0.99)}   max ${figure(kills, 1)}`);
console.log(`reference: GET /livez (ms)\n  p50 ${figure(roundTrips, 0.5)}   max ${figure(roundTrips, 1)}`);
console.log(`ratio p50 ${(figure(kills, 0.5) / figure(roundTrips, 0.5)).toFixed(1)}; bar: p99 100 ms`);

await Promise.all(sdks.map((sdk) => sdk.close()));
await stopServer(server);

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
