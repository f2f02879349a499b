// One 1 KB flag change to many streams: Dimmer against a bare `node:http` loop, in alternating rounds.
//
//   pnpm exec tsc -b && node test/bench/fan-out/run.mjs [--streams 10000] [--rounds 9]
//
// Bars (DESIGN, promises): p99 at most 1.5 times the bare loop's; at most 16 KB of memory per idle stream.
// Dimmer's time counts from the commit, which is before the REST answer; the loop's from its first write. Both
// end when a receiver has the bytes. All processes share one machine and its monotonic clock.
import { parseArgs } from 'node:util';
import { ask, KEY_SETTINGS, SERVER_KEY } from '../server.mjs';
import { createSwarm, median, quantile, verdict } from './swarm.mjs';

const RATIO_MAX = 1.5;
const IDLE_STREAM_KB_MAX = 16;
/** Makes a definition of about 1 KB. */
const SUBJECT = 'x'.repeat(650);
const PROJECT = '/api/v1/projects/default';
const STREAM = '/sdk/v1/stream';

const { values } = parseArgs({
  options: { streams: { type: 'string', default: '10000' }, rounds: { type: 'string', default: '9' } },
});
const streams = Number(values.streams);
const rounds = Number(values.rounds);

const swarm = createSwarm(KEY_SETTINGS);
const dimmer = await swarm.startServer('dimmer-server.mjs');
const bare = await swarm.startServer('bare-server.mjs');
await ask(dimmer, 'POST', `${PROJECT}/flags`, { key: 'checkout-v2', type: 'boolean' });
await changeFlag(0);

const idleKilobytes = {
  bare: await swarm.openAll('bare', bare, streams, requestOf('/')),
  dimmer: await swarm.openAll('dimmer', dimmer, streams, requestOf(STREAM)),
};
const times = { bare: [], dimmer: [] };
let bytes = '';
for (let round = 0; round <= rounds; round += 1) {
  const revision = await nextRevision();
  const fromCommit = await swarm.measure('dimmer', dimmer, revision, () => changeFlag(revision));
  bytes = await bytesOf(revision);
  const fromLoop = await swarm.measure('bare', bare, revision, () =>
    bare.child.send({ type: 'send', text: bytes }),
  );
  // The first round warms both up.
  if (round === 0) continue;
  times.dimmer.push(fromCommit);
  times.bare.push(fromLoop);
}
report();
swarm.close();

function report() {
  const row = (name) => {
    const at = (share) => median(times[name].map((round) => quantile(round, share)));
    return { p50: at(0.5), p99: at(0.99), idle: idleKilobytes[name] };
  };
  const rows = { dimmer: row('dimmer'), bare: row('bare') };
  console.log(`${bytes.length} bytes to ${streams} streams, medians of ${rounds} rounds`);
  for (const [name, { p50, p99, idle }] of Object.entries(rows)) {
    const figures = [
      `p50 ${p50.toFixed(0)} ms`,
      `p99 ${p99.toFixed(0)} ms`,
      `${idle.toFixed(1)} KB per idle stream`,
    ];
    console.log(`${name.padEnd(8)}${figures.join('   ')}`);
  }
  verdict('ratio of p99', rows.dimmer.p99 / rows.bare.p99, RATIO_MAX);
  verdict('KB per idle stream', rows.dimmer.idle, IDLE_STREAM_KB_MAX);
}

function requestOf(path) {
  return `GET ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${SERVER_KEY}\r\n\r\n`;
}

function changeFlag(revision) {
  return ask(dimmer, 'PATCH', `${PROJECT}/environments/production/flags/checkout-v2`, {
    enabled: revision % 2 === 0,
    targets: [{ variation: 'on', values: [`${SUBJECT}-${revision}`] }],
  });
}

async function nextRevision() {
  return (await ask(dimmer, 'GET', `${PROJECT}/environments/production`)).revision + 1;
}

/** What Dimmer sends to a stream for a revision. */
async function bytesOf(revision) {
  const { epoch } = await ask(dimmer, 'GET', `${PROJECT}/environments/production`);
  const url = `http://127.0.0.1:${dimmer.port}${STREAM}?since=${epoch}:${revision - 1}`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${SERVER_KEY}` } });
  const reader = response.body.getReader();
  let seen = '';
  while (!/event: commit\n.*\n\n$/.test(seen)) seen += new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
  return seen.slice(seen.indexOf('\n\n') + 2);
}
