/**
 * Uses @dimmer/node as its users do: packed, installed with npm outside of the workspace, then imported from
 * ESM, required from CommonJS, and type-checked by two versions of TypeScript.
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
const DEPENDENCIES = ['@openfeature/server-sdk@1.23.0', '@openfeature/core@1.12.0', '@types/node@24.19.2'];
const COMPILERS = { 'typescript-5.9': 'npm:typescript@5.9.3', 'typescript-7': 'npm:typescript@7.0.2' };
/** The newest version that is promised; the checks before run on the one that runs this. */
const NEWEST_NODE = 24;
const RESOLUTIONS = { node16: 'node16', nodenext: 'nodenext', bundler: 'esnext' };

requireNode();
installDependencies();
compile();
bundleSdks();

const folder = mkdtempSync(join(tmpdir(), 'dimmer-consumer-'));
try {
  const tarball = packSdk(folder);
  check('publint', 'npm', ['--prefix', 'sdk-node', 'exec', '--', 'publint', '--strict', tarball], ROOT);
  check('attw', 'npm', ['--prefix', 'sdk-node', 'exec', '--', 'attw', '--profile', 'node16', tarball], ROOT);
  installConsumer(folder, tarball);
  check('import from ESM', process.execPath, ['esm.mjs'], folder);
  check('require from CommonJS', process.execPath, ['commonjs.cjs'], folder);
  for (const program of ['esm.mjs', 'commonjs.cjs']) {
    check(`${program} on Node ${NEWEST_NODE}`, 'npx', ['--yes', `node@${NEWEST_NODE}`, program], folder);
  }
  for (const compiler of Object.keys(COMPILERS)) checkTypes(folder, compiler);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log('@dimmer/node works as installed.');

function installConsumer(destination, tarball) {
  cpSync(PROGRAMS, destination, { recursive: true });
  writeFileSync(join(destination, 'package.json'), JSON.stringify({ name: 'consumer', private: true }));
  const compilers = Object.entries(COMPILERS).map(([alias, version]) => `${alias}@${version}`);
  const quiet = ['--no-audit', '--no-fund', '--loglevel', 'error'];
  check('install', 'npm', ['install', ...quiet, tarball, ...DEPENDENCIES, ...compilers], destination);
}

function checkTypes(consumer, compiler) {
  for (const [moduleResolution, module] of Object.entries(RESOLUTIONS)) {
    const tsc = join('node_modules', compiler, 'bin', 'tsc');
    const options = [
      '--noEmit',
      '--strict',
      '--exactOptionalPropertyTypes',
      '--target',
      'es2023',
      '--types',
      'node',
    ];
    const resolution = ['--module', module, '--moduleResolution', moduleResolution];
    check(
      `${compiler}, ${moduleResolution}`,
      process.execPath,
      [tsc, ...options, ...resolution, 'types.mts'],
      consumer,
    );
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
