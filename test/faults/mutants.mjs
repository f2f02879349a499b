/**
 * `npm run test:mutants`: builds known mistakes into a copy of the repository, one at a time, and runs what
 * must catch each. `-- --only <name>` runs one. It ends with 1 when a mutant survives or no longer fits.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { compile, ROOT } from '../../scripts/prepare.mjs';
import { MUTANTS } from './mutants-list.mjs';

/** Long enough for the runs that a scenario is given on a busy machine. */
const RUN_TIMEOUT_MS = 480_000;
const REASON_CHARACTERS = 300;
/** What a copy does without: history, builds of others, and packages, which are linked to. */
const LEFT_OUT = new Set(['.git', 'node_modules', 'test/bench']);

const asked = process.argv[process.argv.indexOf('--only') + 1];
const chosen = process.argv.includes('--only') ? MUTANTS.filter(({ name }) => name === asked) : MUTANTS;
if (chosen.length === 0) throw new Error(`there is no mutant ${asked}`);

compile();
const copy = copyOfRepository();
try {
  const rows = chosen.map((mutant) => ({ ...mutant, verdict: judge(mutant) }));
  for (const { name, verdict, caughtBy } of rows) {
    console.log(`${verdict.padEnd(14)} ${name.padEnd(32)} ${caughtBy.scenario ?? caughtBy.test}`);
  }
  process.exitCode = rows.every(({ verdict }) => verdict === 'caught') ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true });
}

/** @returns `caught`, `survived`, or `does not fit`, when the code is not what the patch was made for. */
function judge({ name, patches, caughtBy }) {
  const originals = new Map(patches.map(({ file }) => [file, readFileSync(join(copy, file), 'utf8')]));
  try {
    for (const patch of patches) {
      const problem = apply(patch);
      if (problem === undefined) continue;
      console.error(`${name}: ${problem}`);
      return 'does not fit';
    }
    const failure = failureOf(caughtBy);
    console.error(`${name}: ${failure ?? 'nothing failed'}`);
    return failure === undefined ? 'survived' : 'caught';
  } finally {
    for (const [file, text] of originals) writeFileSync(join(copy, file), text);
  }
}

function apply({ file, find, replace }) {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  const places = text.split(find).length - 1;
  if (places !== 1) return `${file} has ${places} places like ${JSON.stringify(find)}`;
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  return undefined;
}

/**
 * Why a test failed, in short. A run that fails for another reason than a test would pass for a catch, so it
 * throws.
 */
function failureOf({ scenario, test }) {
  const path = scenario === undefined ? test : 'test/faults/scenarios.test.ts';
  const report = join(copy, 'mutant-report.json');
  const temporary = join(copy, 'temporary');
  mkdirSync(temporary, { recursive: true });
  rmSync(report, { force: true });
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', path, '--bail=1', '--reporter=json', `--outputFile=${report}`],
    {
      cwd: copy,
      encoding: 'utf8',
      timeout: RUN_TIMEOUT_MS,
      // What a failing test leaves for its reader goes with the copy.
      env: { ...process.env, TMPDIR: temporary, ...(scenario && { DIMMER_FAULT_SCENARIO: scenario }) },
    },
  );
  try {
    const { numFailedTests, numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    if (numFailedTests + numPassedTests === 0) throw new Error('no test ran');
    if (numFailedTests === 0) return undefined;
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
    const { title, failureMessages } = tests.find(({ status }) => status === 'failed');
    return `${title}: ${failureMessages.join(' ').replace(/\s+/g, ' ').slice(0, REASON_CHARACTERS)}`;
  } catch (error) {
    throw new Error(`${path} gave no verdict: ${error.message}\n${stdout}\n${stderr}`);
  }
}

/** Sources, builds and the links between packages. What is installed is linked to, not copied. */
function copyOfRepository() {
  const folder = mkdtempSync(join(tmpdir(), 'dimmer-mutants-'));
  const isWanted = (source) => !LEFT_OUT.has(relative(ROOT, source));
  cpSync(ROOT, folder, { recursive: true, verbatimSymlinks: true, filter: isWanted });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}
