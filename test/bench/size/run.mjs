/**
 * What a page has to load: `@dimmer/browser` as it is published, and the browser SDKs of others, each bundled with
 * esbuild and minified. Everything is compressed with gzip, level 9.
 *
 *     npm run bench:size
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { bundleSdks, compile, installDependencies, ROOT, requireNode } from '../../../scripts/prepare.mjs';
import { installPeers } from '../evaluation/peers.mjs';

const PEERS = fileURLToPath(new URL('../peers/', import.meta.url));
const DIST = `${ROOT}sdk-browser/dist/`;

/** What a program imports of each, at the least. */
const PROGRAMS = {
  'launchdarkly-js-client-sdk': `export { initialize } from 'launchdarkly-js-client-sdk';`,
  '@launchdarkly/js-client-sdk': `export { createClient } from '@launchdarkly/js-client-sdk';`,
  'unleash-proxy-client': `export { UnleashClient } from 'unleash-proxy-client';`,
  '@growthbook/growthbook': `export { GrowthBook } from '@growthbook/growthbook';`,
  '@openfeature/web-sdk, ofrep-web-provider': `
    export { OpenFeature } from '@openfeature/web-sdk';
    export { OFREPWebProvider } from '@openfeature/ofrep-web-provider';`,
  '@flipt-io/flipt-client-js': `export { FliptClient } from '@flipt-io/flipt-client-js';`,
};

requireNode();
installDependencies();
compile();
bundleSdks();
installPeers();

for (const file of readdirSync(DIST).filter((name) => /js$/.test(name))) {
  print(`@dimmer/browser: ${file}`, readFileSync(`${DIST}${file}`));
}
for (const [name, program] of Object.entries(PROGRAMS)) print(name, await bundled(program));

async function bundled(program) {
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: PEERS },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'error',
  });
  return outputFiles[0].contents;
}

function print(name, code) {
  const bytes = gzipSync(code, { level: 9 }).length.toLocaleString('en');
  console.log(`${name.padEnd(45)} ${bytes.padStart(8)} bytes`);
}
