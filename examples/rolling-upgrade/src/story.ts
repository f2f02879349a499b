import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seedOf } from '../../../test/faults/seeded-random.ts';
import { hasBalancer } from './balancer.ts';
import { AT_THE_HEAD_WITHIN_MS, brokenPromises, type Rolled, roll } from './roll.ts';
import { tableOf } from './summary.ts';

/**
 * `npm run example:rolling-upgrade`, `-- --short`: three servers behind HAProxy are replaced one by one, rolled back,
 * killed, and lose their database, while SDKs read and writers write. Ends with exit code 1 where anything that was
 * promised did not hold.
 */
export async function main(words: readonly string[]): Promise<void> {
  if (!(await hasBalancer())) {
    console.error('HAProxy is needed: apt-get install haproxy');
    process.exitCode = 1;
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), 'dimmer-rolling-upgrade-'));
  const seed = seedOf(process.env['DIMMER_FAULT_SEED']);
  const isShort = words.includes('--short');
  const outcome = await roll({ directory, seed, isShort, tell: (line) => console.log(line) });
  if (outcome === undefined) {
    console.error('PostgreSQL is needed: apt-get install postgresql');
    process.exitCode = 1;
    return;
  }
  tellSummary(outcome);
  const broken = brokenPromises(outcome);
  for (const promise of broken) console.log(`BROKEN               ${promise}`);
  if (broken.length === 0) await rm(directory, { recursive: true });
  else console.log(`the history is in ${directory}, the seed was ${seed}`);
  console.log(broken.length === 0 ? '\nNobody noticed.' : `\n${broken.length} promises were broken.`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}

function tellSummary({ rows, judged, model, answers, evaluations, headAfterMs }: Rolled): void {
  const told = [...answers].map(([status, count]) => `${status || 'none'}: ${count}`).join(', ');
  console.log(`\n${tableOf(rows)}\n`);
  console.log(`answers to writers   ${told}`);
  console.log(`evaluations          ${evaluations.made}, failed: ${evaluations.failed}`);
  console.log(`revisions            ${model.last}, missing: ${model.gaps.length}`);
  console.log(`judged               ${judged.counts.frames} frames, ${judged.counts.readings} readings`);
  console.log(
    `at the head          ${headAfterMs.toFixed(0)} ms after the last write (at most ${AT_THE_HEAD_WITHIN_MS})`,
  );
}
