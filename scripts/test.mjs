/**
 * `npm test`: prepares what is missing, then runs the tests. Arguments are vitest's:
 * `npm test -- evaluator` runs the files whose path contains the word.
 */
import { bundleSdks, compile, installDependencies, requireNode, run } from './prepare.mjs';

requireNode();
installDependencies();
compile();
bundleSdks();
run([process.execPath, 'node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)]);
