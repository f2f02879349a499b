import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runScenario } from './run-scenario.ts';
import { SCENARIOS } from './scenarios.ts';
import { replayCommand, seedOf } from './seeded-random.ts';

const IS_LONG = process.env['DIMMER_FAULT_LENGTH'] === 'long';
const ONLY = process.env['DIMMER_FAULT_SCENARIO'];
const SEED = seedOf(process.env['DIMMER_FAULT_SEED']);
const RUN_TIMEOUT_MS = IS_LONG ? 1_800_000 : 120_000;

// Runs mostly wait, each for a server of its own: side by side they take the time of the longest.
describe.concurrent('under faults', () => {
  for (const scenario of SCENARIOS) {
    const asked = ONLY === undefined || ONLY === '' || ONLY === scenario.name;
    test.skipIf(!asked)(
      `${scenario.title} (${scenario.name})`,
      async () => {
        const directory = await mkdtemp(join(tmpdir(), `dimmer-fault-${scenario.name}-`));
        const { violations, counts } = await runScenario(scenario, {
          seed: SEED,
          isLong: IS_LONG,
          directory,
        });
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
