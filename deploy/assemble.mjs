/**
 * Puts together what a server needs to run, and nothing else: compiled code, production dependencies, migrations.
 *
 *   node deploy/assemble.mjs /opt/dimmer
 *   node /opt/dimmer/bin/dimmer.js serve
 *
 * The Dockerfile does the same, and a test starts what comes out as a user without rights.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { installDependencies, pnpmCommand, requireNode, run } from '../scripts/prepare.mjs';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('Say where to: node deploy/assemble.mjs <folder>\n');
  process.exit(2);
}
const target = resolve(folder);
if (existsSync(target) && readdirSync(target).length > 0) {
  process.stderr.write(`${target} is not empty. Name a new folder, so that nothing old stays in it.\n`);
  process.exit(2);
}
requireNode();
installDependencies();
run([process.execPath, 'node_modules/typescript/bin/tsc', '-b', 'server']);
run([...pnpmCommand(), '--silent', '--filter', '@dimmer/server', 'deploy', '--legacy', '--prod', target]);
for (const part of [target, ...packagesIn(target)]) {
  for (const name of [
    'src',
    'vectors',
    'SPEC.md',
    'tsconfig.json',
    'tsconfig.tsbuildinfo',
    'drizzle.config.ts',
  ])
    rmSync(join(part, name), { recursive: true, force: true });
}

/** The packages of the workspace that the server rests on, as they lie in its `node_modules`. */
function packagesIn(root) {
  const scope = join(root, 'node_modules/@dimmer');
  return readdirSync(scope).map((name) => join(scope, name));
}
