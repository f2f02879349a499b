/** `npm run pack:node`: makes the tarball of @dimmer/node that other programs install. */
import { bundleSdks, compile, installDependencies, packSdk, ROOT, requireNode } from './prepare.mjs';

requireNode();
installDependencies();
compile();
bundleSdks();
console.log(`\nIn your program: npm install ${packSdk('node', ROOT)}`);
