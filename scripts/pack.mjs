/** `npm run pack:node`: makes the tarball of @dimmer/node that other programs install. */
import { bundleSdk, compile, installDependencies, packSdk, ROOT, requireNode } from './prepare.mjs';

requireNode();
installDependencies();
compile();
bundleSdk();
console.log(`\nIn your program: npm install ${packSdk(ROOT)}`);
