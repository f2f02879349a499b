// A start of the SDK while nobody answers: from `new Dimmer` to the value of a flag out of the disk cache.
//
//   node test/bench/cached-start/run.mjs [--flags 5000] [--rounds 15]
//
// Bar (DESIGN, SDK-2): what was last known is served within 50 ms. Each start is a process of its own, as a restart during an
// outage is. Beside each a reference: a bare process that reads the same file and parses its JSON.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Dimmer } from '@dimmer/node';
import { ask, databaseFile, SERVER_KEY, startServer, stopServer, untilReady } from '../server.mjs';

const MS_MAX = 50;
const FLAGS_PER_REQUEST = 500;

const { values } = parseArgs({
  options: { flags: { type: 'string', default: '5000' }, rounds: { type: 'string', default: '15' } },
});
const flags = Number(values.flags);
const rounds = Number(values.rounds);
const folder = mkdtempSync(join(tmpdir(), 'dimmer-bench-cache-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const url = await fill();
const [name = ''] = readdirSync(folder);
const path = join(folder, name);
const starts = [];
const reference = [];
for (let round = 0; round < rounds; round += 1) {
  starts.push(timed('start.mjs', url, SERVER_KEY, folder));
  reference.push(timed('reference.mjs', path));
}
report();

function report() {
  const ratio = median(starts) / median(reference);
  console.log(`${flags} flags in the cache (${(statSync(path).size / 1e6).toFixed(1)} MB), ${rounds} starts`);
  console.log(`new Dimmer -> value   ${figures(starts)}`);
  console.log(`reference             ${figures(reference)} (bare Node: readFileSync, JSON.parse)`);
  console.log(`ratio of the medians  ${ratio.toFixed(1)}`);
  const holds = median(starts) <= MS_MAX;
  console.log(
    `median: ${median(starts).toFixed(1)} ms (at most ${MS_MAX}) ${holds ? 'holds' : 'DOES NOT HOLD'}`,
  );
  if (!holds) process.exitCode = 1;
}

/** Has an SDK write its cache: flags of about 1 KB each. @returns Where the server was. */
async function fill() {
  const server = await startServer(databaseFile(), 0, { settings: { DIMMER_DRAIN_ACCEPT_MS: '0' } });
  await untilReady(server);
  for (let from = 0; from < flags; from += FLAGS_PER_REQUEST) {
    const count = Math.min(FLAGS_PER_REQUEST, flags - from);
    const edits = Array.from({ length: count }, (_, index) => ({
      edit: 'createFlag',
      flag: { key: `flag-${from + index}`, type: 'boolean', metadata: { note: 'x'.repeat(650) } },
    }));
    await ask(server, 'POST', '/api/v1/projects/default/environments/production/changes', { edits });
  }
  const at = `http://127.0.0.1:${server.port}`;
  const sdk = new Dimmer({ url: at, key: SERVER_KEY, cache: { directory: folder } });
  await sdk.ready({ timeoutMs: 20_000 });
  await sdk.close();
  await stopServer(server);
  return at;
}

/** @returns Milliseconds, as the process says. */
function timed(program, ...words) {
  const file = fileURLToPath(new URL(program, import.meta.url));
  return Number(execFileSync(process.execPath, [file, ...words], { encoding: 'utf8' }));
}

function figures(times) {
  return `p50 ${median(times).toFixed(1)}, max ${Math.max(...times).toFixed(1)} ms`;
}

function median(times) {
  return times.toSorted((left, right) => left - right)[Math.floor(times.length / 2)];
}
