/**
 * Uses the SDKs as their users do: packed, installed with npm outside of the workspace, then imported from ESM,
 * required from CommonJS, run as a script, and type-checked by two versions of TypeScript.
 *
 *     npm run check:consumer
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  bundleSdks,
  compile,
  installDependencies,
  packSdk,
  ROOT,
  requireNode,
} from '../../scripts/prepare.mjs';

const PROGRAMS = fileURLToPath(new URL('programs', import.meta.url));
const COMPILERS = { 'typescript-5.9': 'npm:typescript@5.9.3', 'typescript-7': 'npm:typescript@7.0.2' };
/** The newest version that is promised; the checks before run on the one that runs this. */
const NEWEST_NODE = 24;

/** What is checked of each SDK. */
const SDKS = [
  {
    name: 'node',
    attw: ['--profile', 'node16'],
    dependencies: ['@openfeature/server-sdk@1.23.0', '@openfeature/core@1.12.0', '@types/node@24.19.2'],
    programs: ['esm.mjs', 'commonjs.cjs'],
    resolutions: { node16: 'node16', nodenext: 'nodenext', bundler: 'esnext' },
    types: ['--types', 'node'],
  },
  {
    name: 'browser',
    // The script makes a global and has no types.
    attw: ['--profile', 'esm-only', '--exclude-entrypoints', 'script'],
    dependencies: ['@openfeature/web-sdk@1.10.0', '@openfeature/core@1.12.0'],
    programs: ['esm.mjs', 'script.mjs'],
    resolutions: { nodenext: 'nodenext', bundler: 'esnext' },
    types: ['--lib', 'es2023,dom'],
  },
];

requireNode();
installDependencies();
compile();
bundleSdks();

for (const sdk of SDKS) checkSdk(sdk);

function checkSdk({ name, attw, dependencies, programs, resolutions, types }) {
  const folder = mkdtempSync(join(tmpdir(), `dimmer-consumer-${name}-`));
  try {
    const tarball = packSdk(name, folder);
    const tool = ['--prefix', 'sdk-node', 'exec', '--'];
    check('publint', 'npm', [...tool, 'publint', '--strict', tarball], ROOT);
    check('attw', 'npm', [...tool, 'attw', tarball, ...attw], ROOT);
    installConsumer(join(PROGRAMS, name), folder, [tarball, ...dependencies]);
    for (const program of programs) {
      check(program, process.execPath, [program], folder);
      check(`${program} on Node ${NEWEST_NODE}`, 'npx', ['--yes', `node@${NEWEST_NODE}`, program], folder);
    }
    for (const compiler of Object.keys(COMPILERS)) checkTypes(folder, compiler, resolutions, types);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`@dimmer/${name} works as installed.`);
}

function installConsumer(programs, destination, packages) {
  cpSync(programs, destination, { recursive: true });
  writeFileSync(join(destination, 'package.json'), JSON.stringify({ name: 'consumer', private: true }));
  const compilers = Object.entries(COMPILERS).map(([alias, version]) => `${alias}@${version}`);
  const quiet = ['--no-audit', '--no-fund', '--loglevel', 'error'];
  check('install', 'npm', ['install', ...quiet, ...packages, ...compilers], destination);
}

function checkTypes(consumer, compiler, resolutions, types) {
  const tsc = join('node_modules', compiler, 'bin', 'tsc');
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2023', ...types];
  for (const [moduleResolution, module] of Object.entries(resolutions)) {
    const resolution = ['--module', module, '--moduleResolution', moduleResolution];
    const args = [tsc, ...options, ...resolution, 'types.mts'];
    check(`${compiler}, ${moduleResolution}`, process.execPath, args, consumer);
  }
}

/** Runs a command; prints what it said, and throws, where it fails. */
function check(title, command, args, cwd) {
  const shell = process.platform === 'win32' && command !== process.execPath;
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', shell });
  if (status === 0) {
    console.log(`ok      ${title}`);
    return;
  }
  console.log(`FAILED  ${title}\n${stdout ?? ''}${stderr ?? ''}`);
  throw new Error(`${title} failed${error ? `: ${error.message}` : ''}`);
}
