/** `npm run example:<name>`: prepares what is missing, then tells the story of that example. */
import { existsSync } from 'node:fs';
import { bundleSdks, compile, installDependencies, requireNode, run } from './prepare.mjs';

const folder = `examples/${process.argv[2]}`;

requireNode();
installDependencies();
compile(folder);
bundleSdks();
if (existsSync(`${folder}/vite.config.ts`)) run(['npm', '--prefix', folder, 'run', 'build']);
run([process.execPath, `${folder}/dist/story.js`]);
