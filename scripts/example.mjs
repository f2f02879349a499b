/** `npm run example:<name>`: prepares what is missing, then runs a program of an example. */
import { bundleSdks, compile, installDependencies, requireNode, run } from './prepare.mjs';

const [name, program] = process.argv.slice(2);
requireNode();
installDependencies();
compile(`examples/${name}`);
bundleSdks();
run([process.execPath, `examples/${name}/dist/${program}.js`]);
