/**
 * `npm run record:build -- <commit>`: builds the server, both SDKs and the tests of the storage of a commit into
 * `test/upgrade/recorded/<commit>/`, minified, for the tests of upgrades. A few packages are taken from the workspace: some
 * have a binary of their own or run the tests, the others would make the file too large.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Resolved from `test/package.json`. */
const EXTERNAL = [
  'better-sqlite3',
  'pg',
  'ajv',
  're2js',
  '@opentelemetry/api',
  '@electric-sql/pglite',
  'vitest',
  'fast-check',
];
/** The one of them that decides what a flag answers: a commit is recorded only with the version that it names. */
const MATCHER = 're2js';
/** One file of a recorded build, at most. */
const BYTES_MAX = 1024 * 1024;
const FOLDERS = { node: 'sdk-node', browser: 'sdk-browser' };
/** Files of `test/contract` that hold the storage on SQL to its rules, as far as a commit has them. */
const SUITE = [
  'storage.test.ts',
  'storage-pglite.test.ts',
  'storage-postgres.test.ts',
  'storage-model.test.ts',
];
/** What opens databases for these files, and the file of `test/upgrade/suite` that stands in for it. */
const STAND_INS = {
  'server/src/storage/sqlite/open-sqlite-storage.ts': 'open-sqlite-storage.ts',
  'server/src/storage/postgres/open-postgres-storage.ts': 'open-postgres-storage.ts',
};

const [asked] = process.argv.slice(2);
if (asked === undefined) throw new Error('Name a commit: npm run record:build -- <commit>');
const commit = execFileSync('git', ['rev-parse', '--short=7', asked], { cwd: ROOT, encoding: 'utf8' }).trim();
const source = mkdtempSync(join(tmpdir(), 'dimmer-record-'));
const target = join(ROOT, 'test/upgrade/recorded', commit);

try {
  checkOut();
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  await bundleServer();
  await bundle('sdk-node/src/index.ts', 'sdk-node.mjs');
  await bundleSuite();
  bundleBrowserSdk();
} finally {
  rmSync(source, { recursive: true, force: true });
}

for (const { name, bytes } of bundles()) {
  console.log(`${name.padEnd(16)}${(bytes / 1024).toFixed(0)} KB`);
  if (bytes > BYTES_MAX) throw new Error(`${name} is larger than ${BYTES_MAX} bytes`);
}

function bundles() {
  const names = readdirSync(target).filter((name) => /\.m?js$/.test(name));
  return names.map((name) => ({ name, bytes: statSync(join(target, name)).size }));
}

/** The sources of the commit, and the packages that it names. */
function checkOut() {
  const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: 2 ** 28 });
  execFileSync('tar', ['-x', '-C', source], { input: archive });
  run(['pnpm', 'install', '--frozen-lockfile', '--ignore-scripts', '--prefer-offline'], source);
  const [named, given] = [source, ROOT].map((root) =>
    versionOf(MATCHER, join(root, 'evaluator/package.json')),
  );
  if (named !== given) throw new Error(`${commit} names ${MATCHER} ${named}, the workspace has ${given}.`);
}

function versionOf(name, manifest) {
  return JSON.parse(readFileSync(manifest, 'utf8')).dependencies[name];
}

/** `dimmer serve`, without the commands for operators where they are apart from it. */
async function bundleServer() {
  const { version } = JSON.parse(readFileSync(join(source, 'server/package.json'), 'utf8'));
  const serve = ['./process/serve.ts', './serve.ts'].find((path) =>
    existsSync(join(source, 'server/src', path)),
  );
  if (serve !== undefined) {
    writeFileSync(
      join(source, 'server/src/recorded.ts'),
      `import { serve } from '${serve}'; await serve({}, process.env, '${version}-${commit}');`,
    );
    await bundle('server/src/recorded.ts', 'server.mjs');
  } else await bundle('server/src/main.ts', 'server.mjs');
  writeFileSync(
    join(target, 'package.json'),
    `${JSON.stringify({ type: 'module', version: `${version}-${commit}` })}\n`,
  );
  // What its migrations were made from is of no use to a server.
  const filter = (path) => !path.endsWith('_snapshot.json');
  cpSync(join(source, 'server/migrations'), join(target, 'migrations'), { recursive: true, filter });
}

/** The commit's own tests of its storage, with what opens their databases replaced by what opens them on given tables. */
async function bundleSuite() {
  const folder = join(source, 'test/upgrade/suite');
  cpSync(join(ROOT, 'test/upgrade/suite'), folder, { recursive: true });
  const files = SUITE.filter((file) => existsSync(join(source, 'test/contract', file)));
  const imports = files.map((file) => `'${file}': () => import('../../contract/${file}'),`);
  const entry = `import { give } from './new-tables.ts';
    const files = { ${imports.join(' ')} };
    export async function describeSuite(tables, without) {
      give(tables);
      for (const file in files) if (!without.includes(file)) await files[file]();
    }`;
  writeFileSync(join(folder, 'entry.ts'), entry);
  await bundle('test/upgrade/suite/entry.ts', 'storage-suite.mjs', [
    { name: 'stand-ins', setup: resolveStandIns },
  ]);
}

function resolveStandIns({ onResolve }) {
  const suite = join(source, 'test/upgrade/suite');
  onResolve({ filter: /^\./ }, ({ path, importer }) => {
    const standIn = STAND_INS[resolve(dirname(importer), path).slice(source.length + 1)];
    const isTest = importer.startsWith(join(source, 'test/contract'));
    return standIn !== undefined && isTest ? { path: join(suite, standIn) } : undefined;
  });
  onResolve({ filter: /^@electric-sql\/pglite$/ }, ({ importer }) =>
    importer.endsWith('.fixture.ts') ? { path: join(suite, 'pglite.ts') } : undefined,
  );
  onResolve({ filter: /^fast-check$/ }, ({ importer }) =>
    importer.endsWith('.test.ts') ? { path: join(suite, 'fast-check.ts') } : undefined,
  );
}

async function bundle(entry, file, plugins = []) {
  await build({
    entryPoints: [join(source, entry)],
    outfile: join(target, file),
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: EXTERNAL,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'error',
    // Packages that are CommonJS ask for Node's modules by `require`.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    plugins: [...plugins, { name: 'workspace', setup: resolveWorkspace }],
  });
}

/** Packages of the workspace are their sources; files beside the sources are beside the bundle. */
function resolveWorkspace({ onResolve, onLoad }) {
  onResolve({ filter: /^@dimmer\// }, ({ path }) => {
    const [, name, entry = ''] = path.split('/');
    return { path: join(source, FOLDERS[name] ?? name, 'src', entry, 'index.ts') };
  });
  // Half of zod is messages in languages that Dimmer does not speak.
  onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
    contents: "export { default as en } from './en.js';",
  }));
  onLoad({ filter: /server\/src\/.*\.ts$/ }, ({ path }) => ({
    loader: 'ts',
    contents: readFileSync(path, 'utf8').replaceAll(
      /'(?:\.\.\/)+(migrations\/\w+|package\.json)'/g,
      "'./$1'",
    ),
  }));
}

/** As it is published, with the names of its properties made short: by the commit's own program. */
function bundleBrowserSdk() {
  if (!existsSync(join(source, 'sdk-browser'))) return;
  run(['pnpm', 'exec', 'tsc', '-b', 'sdk-browser'], source);
  run(['pnpm', 'run', 'bundle'], join(source, 'sdk-browser'));
  cpSync(join(source, 'sdk-browser/dist/dimmer.global.js'), join(target, 'dimmer.global.js'));
}

function run([command, ...args], cwd) {
  const { status } = spawnSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}
