/** `npm run example:checkout`: prepares what is missing, then tells the story of examples/checkout. */
import { bundleSdks, compile, installDependencies, requireNode, run } from './prepare.mjs';

requireNode();
installDependencies();
compile('examples/checkout');
bundleSdks();
run([process.execPath, 'examples/checkout/dist/story.js']);
