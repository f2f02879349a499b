/** `npm run example:<name>`: prepares what is missing, then runs a program of an example. */
import { existsSync } from 'node:fs';
import { bundleSdks, compile, installDependencies, requireNode, run } from './prepare.mjs';

const [name, program] = process.argv.slice(2);
const folder = `examples/${name}`;

requireNode();
installDependencies();
compile(folder);
bundleSdks();
if (existsSync(`${folder}/vite.config.ts`)) run(['npm', '--prefix', folder, 'run', 'build']);
run([process.execPath, `${folder}/dist/${program}.js`]);
