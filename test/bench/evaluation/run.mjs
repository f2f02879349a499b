/**
 * How long one evaluation takes, beside unleash-client, LaunchDarkly, GrowthBook and flagd: one process, one
 * workload, alternating rounds.
 *
 *     npm run bench:evaluation
 *
 * Exits with 1 where Dimmer is less than {@link BAR} times as fast as the fastest of the others.
 */
import { cpus } from 'node:os';
import { bundleSdks, compile, installDependencies, requireNode } from '../../../scripts/prepare.mjs';
import { checkSystem } from './correctness.mjs';
import { measureFlag } from './measure.mjs';
import { installPeers, loadPeers } from './peers.mjs';
import { makeUsers } from './workload.mjs';

const BAR = 4;
const ROUNDS = { warmupRounds: 3, rounds: 9 };
const FLAGS = {
  banner: 'on for everybody',
  checkout: '25 % by user key',
  pricing: 'five rules, three-way split',
};

requireNode();
installDependencies();
compile();
bundleSdks();
installPeers();

const { createDimmer } = await import('./dimmer.mjs');
const entries = await prepareSystems([createDimmer, ...(await loadPeers())]);
const ratios = [];
console.log(
  `Node ${process.version}, ${cpus()[0]?.model}; median ns per evaluation, ${ROUNDS.rounds} rounds\n`,
);
for (const [flag, title] of Object.entries(FLAGS)) {
  const medians = await measureFlag(flag, entries, ROUNDS);
  ratios.push(report(title, medians));
}
for (const { system } of entries) await system.close();
process.exitCode = ratios.every((ratio) => ratio >= BAR) ? 0 : 1;

async function prepareSystems(creators) {
  const users = makeUsers();
  const prepared = [];
  for (const create of creators) {
    const system = await create();
    const expected = await checkSystem(system, users);
    prepared.push({ system, contexts: users.map(system.contextOf), expected });
  }
  return prepared;
}

/** @returns How many times faster Dimmer, the first entry, is than the fastest of the others. */
function report(title, [own, ...others]) {
  console.log(title);
  [own, ...others].forEach((median, index) => {
    const { name } = entries[index].system;
    console.log(
      `  ${name.padEnd(30)} ${median.toFixed(1).padStart(8)} ns ${(median / own).toFixed(1).padStart(6)}x`,
    );
  });
  const ratio = Math.min(...others) / own;
  const verdict = ratio >= BAR ? 'held' : 'MISSED';
  console.log(`  ratio to the fastest peer: ${ratio.toFixed(2)}x, promised ${BAR}x: ${verdict}\n`);
  return ratio;
}
