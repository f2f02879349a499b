/**
 * `npm run test:faults`: every scenario of test/faults, at length. `-- --run <scenario>` runs one, `--short` as
 * briefly as `npm test` does; `DIMMER_FAULT_SEED` makes the choices of an earlier run.
 */
import { parseArgs } from 'node:util';
import { bundleSdks, compile, installDependencies, requireNode, run } from './prepare.mjs';

const { values } = parseArgs({ options: { run: { type: 'string' }, short: { type: 'boolean' } } });

requireNode();
installDependencies();
compile();
bundleSdks();
process.env.DIMMER_FAULT_LENGTH = values.short ? 'short' : 'long';
if (values.run !== undefined) process.env.DIMMER_FAULT_SCENARIO = values.run;
run([
  process.execPath,
  'node_modules/vitest/vitest.mjs',
  'run',
  'test/faults/scenarios.test.ts',
  '--reporter=verbose',
]);
