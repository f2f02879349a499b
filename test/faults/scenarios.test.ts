import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CAN_FAKE_CLOCKS } from './faked-clock.ts';
import { provesNothing, runScenario } from './run-scenario.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { replayCommand, seedOf } from './seeded-random.ts';

const IS_LONG = process.env['DIMMER_FAULT_LENGTH'] === 'long';
const ONLY = process.env['DIMMER_FAULT_SCENARIO'];
const SEED = seedOf(process.env['DIMMER_FAULT_SEED']);
const RUNS_MAX = 3;
const RUN_TIMEOUT_MS = IS_LONG ? 3_600_000 : 480_000;

/** A run, and others in its place where the machine was too busy for it to prove anything. */
async function provingRun(scenario: Scenario) {
  for (let runs = 1; ; runs += 1) {
    const directory = await mkdtemp(join(tmpdir(), `dimmer-fault-${scenario.name}-`));
    const outcome = await runScenario(scenario, { seed: SEED, isLong: IS_LONG, directory });
    if (runs === RUNS_MAX || !provesNothing(outcome)) return { directory, ...outcome };
    await rm(directory, { recursive: true });
  }
}

// Runs mostly wait, each for a server of its own: side by side they take the time of the longest.
const judged = { runs: 0, frames: 0, readings: 0 };

afterAll(() => console.log(`judged: ${JSON.stringify(judged)}`));

describe.concurrent('under faults', () => {
  for (const scenario of SCENARIOS) {
    const asked = ONLY === undefined || ONLY === '' || ONLY === scenario.name;
    test.skipIf(!asked)(
      `${scenario.title} (${scenario.name})`,
      async ({ skip }) => {
        if (scenario.fakedClocks && !CAN_FAKE_CLOCKS) return skip('libfaketime is not installed');
        const { directory, violations, counts } = await provingRun(scenario);
        judged.runs += 1;
        judged.frames += counts.frames;
        judged.readings += counts.readings;
        const replay = replayCommand(scenario.name, SEED, IS_LONG);
        console.log(`${scenario.name}: seed ${SEED}, ${JSON.stringify(counts)}`);
        expect(violations, `history: ${directory}/history.jsonl\nagain: ${replay}\n`).toEqual([]);
        expect(counts.commits).toBeGreaterThan(0);
        await rm(directory, { recursive: true });
      },
      RUN_TIMEOUT_MS,
    );
  }
});
