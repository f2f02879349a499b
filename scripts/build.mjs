/** `npm run build`: compiles the server and the SDK, and bundles the SDK as it is published. */
import { bundleSdks, compile, installDependencies, requireNode } from './prepare.mjs';

requireNode();
installDependencies();
compile();
bundleSdks();
