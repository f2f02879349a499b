/** `npm run example:checkout`: prepares what is missing, then tells the story of examples/checkout. */
import { bundleSdk, compile, installDependencies, requireNode, run } from './prepare.mjs';

requireNode();
installDependencies();
compile('examples/checkout');
bundleSdk();
run([process.execPath, 'examples/checkout/dist/story.js']);
