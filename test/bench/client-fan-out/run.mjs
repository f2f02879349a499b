// One flag change to many browsers, each with a context of its own, beside the same change to as many servers: two
// servers, in alternating rounds.
//
//   pnpm exec tsc -b && node test/bench/client-fan-out/run.mjs [--streams 5000] [--flags 200] [--rounds 9]
//
// Bars: p99 at most twice that of streams of definitions; one evaluation per stream and change, however many flags
// are exposed. Times count from the commit until a receiver has the bytes, as in the benchmark of the fan-out.
import { parseArgs } from 'node:util';
import { createSwarm, median, quantile, verdict } from '../fan-out/swarm.mjs';
import { ask, CLIENT_KEY, KEY_SETTINGS, SERVER_KEY } from '../server.mjs';

const RATIO_MAX = 2;
const PROJECT = '/api/v1/projects/default';
const ENVIRONMENT = `${PROJECT}/environments/production`;

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '5000' },
    flags: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '9' },
  },
});
const streams = Number(values.streams);
const flags = Number(values.flags);
const rounds = Number(values.rounds);

const swarm = createSwarm({
  ...KEY_SETTINGS,
  // All streams are opened from three addresses with one key, as fast as they can be.
  DIMMER_CLIENT_REQUESTS_PER_SECOND: '100000',
  DIMMER_CLIENT_KEY_REQUESTS_PER_SECOND: '100000',
});
const sides = {
  servers: { server: await swarm.startServer('dimmer-server.mjs'), request: serverRequest() },
  browsers: { server: await swarm.startServer('dimmer-server.mjs'), request: clientRequest() },
};
const times = { servers: [], browsers: [] };
const evaluations = [];
const idleKilobytes = {};
for (const [name, { server, request }] of Object.entries(sides)) {
  await createFlags(server);
  idleKilobytes[name] = await swarm.openAll(name, server, streams, request);
}
for (let round = 0; round <= rounds; round += 1) {
  const evaluatedBefore = await evaluated();
  for (const [name, { server }] of Object.entries(sides)) {
    const { revision } = await ask(server, 'GET', ENVIRONMENT);
    const arrivals = await swarm.measure(name, server, revision + 1, () => changeFlag(server, round));
    // The first round warms both up.
    if (round > 0) times[name].push(arrivals);
  }
  if (round > 0) evaluations.push((await evaluated()) - evaluatedBefore);
}
report();
swarm.close();

function report() {
  console.log(`one of ${flags} exposed flags changes for ${streams} streams, medians of ${rounds} rounds`);
  const p99 = {};
  for (const name of Object.keys(sides)) {
    const at = (share) => median(times[name].map((round) => quantile(round, share)));
    p99[name] = at(0.99);
    const idle = `${idleKilobytes[name].toFixed(1)} KB per idle stream`;
    console.log(`${name.padEnd(10)}p50 ${at(0.5).toFixed(0)} ms   p99 ${p99[name].toFixed(0)} ms   ${idle}`);
  }
  verdict('ratio of p99', p99.browsers / p99.servers, RATIO_MAX);
  verdict('evaluations per stream and change', Math.max(...evaluations) / streams, 1);
}

function serverRequest() {
  return `GET /sdk/v1/stream HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${SERVER_KEY}\r\n\r\n`;
}

function clientRequest() {
  const context = { targetingKey: 'user-%INDEX%', country: 'NO', plan: 'pro' };
  const body = JSON.stringify({ context });
  const head = [
    'POST /client/v1/stream HTTP/1.1',
    'host: bench',
    `authorization: Bearer ${CLIENT_KEY}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

async function createFlags(server) {
  for (let index = 0; index < flags; index += 1) {
    const key = `flag-${index}`;
    await ask(server, 'POST', `${PROJECT}/flags`, { key, type: 'boolean', exposeToClients: true });
    const weights = { on: index % 100, off: 100 - (index % 100) };
    await ask(server, 'PATCH', `${ENVIRONMENT}/flags/${key}`, {
      enabled: true,
      fallthrough: { rollout: { weights } },
    });
  }
}

/** Turns a flag from all to none and back, so that every context gets another answer. */
function changeFlag(server, round) {
  const fallthrough = { variation: round % 2 === 0 ? 'on' : 'off' };
  return ask(server, 'PATCH', `${ENVIRONMENT}/flags/flag-7`, { fallthrough });
}

async function evaluated() {
  const response = await fetch(`http://127.0.0.1:${sides.browsers.server.port}/metrics`);
  return Number(/^dimmer_client_evaluations_total (\d+)$/m.exec(await response.text())?.[1] ?? 0);
}
