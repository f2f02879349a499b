/**
 * What `npm start` and `npm test` need before they can run: Node, the dependencies, and the build. Each step
 * costs nothing and says nothing when there is nothing to do. Only Node itself is used: this runs before any
 * dependency exists.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const NODE_MIN = [20, 19];
const STAMP = 'node_modules/.dimmer-installed.json';
const SERVER_SOURCES = ['schema/src', 'evaluator/src', 'follower/src', 'server/src'];
const SERVER_BUILD = 'server/tsconfig.tsbuildinfo';
const SHARED_SOURCES = ['schema/src', 'follower/src'];
/** What is bundled, from which sources, and a file that each bundle has. */
const BUNDLES = [
  {
    folder: 'sdk-node',
    bundle: 'dist/index.mjs',
    sources: [
      ...SHARED_SOURCES,
      'evaluator/src',
      'sdk-node/src',
      'sdk-node/package.json',
      'sdk-node/tsdown.config.ts',
    ],
  },
  {
    folder: 'sdk-browser',
    bundle: 'dist/index.mjs',
    sources: [...SHARED_SOURCES, 'sdk-browser/src', 'sdk-browser/package.json', 'sdk-browser/bundle.mjs'],
  },
];

/** Ends the process with a message where Node is too old. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const isRecent = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  if (isRecent) return;
  fail(
    `Dimmer needs Node ${NODE_MIN.join('.')} or later, and this is Node ${process.versions.node}.`,
    'Install a current version from https://nodejs.org/en/download, or run: nvm install 22',
  );
}

/**
 * Installs the dependencies where node_modules is missing, or was made from another lockfile or by another
 * Node: SQLite is compiled against one version of Node's binary interface.
 */
export function installDependencies() {
  const wanted = { lockfile: digestOf('pnpm-lock.yaml'), machine: machineId() };
  const installed = readStamp();
  if (installed?.lockfile === wanted.lockfile && installed.machine === wanted.machine) return;

  say('Installing dependencies. Where no SQLite binary fits this machine it is compiled once: two minutes.');
  const pnpm = pnpmCommand();
  run([...pnpm, 'install', '--frozen-lockfile', '--config.confirmModulesPurge=false']);
  if (installed && installed.machine !== wanted.machine) run([...pnpm, 'rebuild', 'better-sqlite3']);
  writeFileSync(join(ROOT, STAMP), JSON.stringify(wanted));
}

/** Compiles the server, the SDK and what else is named. The compiler itself skips what has not changed. */
export function compile(...others) {
  if (!existsSync(join(ROOT, 'server/dist/main.js'))) say('Compiling.');
  run([
    process.execPath,
    'node_modules/typescript/bin/tsc',
    '-b',
    'server',
    'sdk-node',
    'sdk-browser',
    ...others,
  ]);
}

/** Whether the server was compiled since its sources changed: looking takes milliseconds, compiling half a second. */
export function isServerBuilt() {
  return isNewer(SERVER_BUILD, SERVER_SOURCES);
}

/** Bundles the SDKs as they are published, where a source is newer than the bundle. */
export function bundleSdks() {
  for (const { folder, bundle, sources } of BUNDLES) {
    if (isNewer(join(folder, bundle), sources)) continue;
    say(`Bundling ${folder}.`);
    run(['npm', '--prefix', folder, 'run', 'bundle']);
  }
}

/**
 * Packs an SDK as it is published.
 *
 * @param name - Of the SDK: `node` or `browser`.
 * @returns The path of the tarball. pnpm packs, because npm does not know `publishConfig.exports`.
 */
export function packSdk(name, folder) {
  run([...pnpmCommand(), '--silent', '--filter', `@dimmer/${name}`, 'pack', '--pack-destination', folder]);
  const { version } = JSON.parse(readFileSync(join(ROOT, `sdk-${name}/package.json`), 'utf8'));
  return join(folder, `dimmer-${name}-${version}.tgz`);
}

/** Runs a command in the repository; ends this process with its exit code where it fails. */
export function run([command, ...args]) {
  // npm and pnpm are shell scripts on Windows.
  const shell = process.platform === 'win32' && command !== process.execPath;
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', shell });
  if (error) fail(`${command} could not be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

/** The pinned pnpm: the one on the PATH where it is that version, else fetched by npx. */
export function pnpmCommand() {
  const { packageManager } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const version = packageManager.split('@')[1].split('+')[0];
  const shell = process.platform === 'win32';
  const found = spawnSync('pnpm', ['--version'], { cwd: ROOT, encoding: 'utf8', shell });
  return found.stdout?.trim() === version ? ['pnpm'] : ['npx', '--yes', `pnpm@${version}`];
}

function readStamp() {
  const path = join(ROOT, STAMP);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

function machineId() {
  return `${process.platform}-${process.arch}-${process.versions.modules}`;
}

function digestOf(file) {
  return createHash('sha256')
    .update(readFileSync(join(ROOT, file)))
    .digest('hex');
}

function isNewer(file, sources) {
  const path = join(ROOT, file);
  if (!existsSync(path)) return false;
  return statSync(path).mtimeMs >= Math.max(...sources.map((source) => newestTime(join(ROOT, source))));
}

function newestTime(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  const times = readdirSync(path).map((name) => newestTime(join(path, name)));
  return Math.max(stats.mtimeMs, ...times);
}

function say(message) {
  process.stderr.write(`${message}\n`);
}

function fail(...lines) {
  for (const line of lines) say(line);
  process.exit(1);
}
