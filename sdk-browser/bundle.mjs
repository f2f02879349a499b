/**
 * Bundles the SDK as it is published: an ES module whose sharing of streams between tabs is a chunk of its own; beside
 * it the binding for React, the provider for OpenFeature and the fake for tests; and one file for a script tag, which
 * holds the core and makes the global `Dimmer`.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { minify } from 'terser';
import { build as bundleTypes } from 'tsdown';
import { PUBLIC_NAMES } from './public-names.mjs';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const DIST = join(FOLDER, 'dist');

const shared = {
  bundle: true,
  write: false,
  outdir: DIST,
  target: 'es2022',
  minifySyntax: true,
  absWorkingDir: FOLDER,
};

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST);
await write({
  entryPoints: { index: 'src/index.ts' },
  format: 'esm',
  splitting: true,
  outExtension: { '.js': '.mjs' },
});
// What is beside the core takes it from there: a page has it once.
await write({
  entryPoints: { react: 'src/react/index.ts' },
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  external: ['react', '@dimmer/browser'],
});
await write(
  {
    entryPoints: { openfeature: 'src/openfeature/index.ts' },
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    external: ['@dimmer/browser', '@openfeature/*'],
  },
  // OpenFeature and Dimmer read most of them.
  false,
);
await build({
  ...shared,
  write: true,
  entryPoints: { testing: 'src/testing/index.ts' },
  format: 'esm',
  outExtension: { '.js': '.mjs' },
});
await write({ entryPoints: { 'dimmer.global': 'src/script.ts' }, format: 'iife' });
await writeTypes({ index: 'src/index.ts', testing: 'src/testing/index.ts' });
await writeTypes({ react: 'src/react/index.ts', openfeature: 'src/openfeature/index.ts' });

/** @param properties - How names of properties are made short; `false`: they stay. */
async function write(options, properties = { reserved: PUBLIC_NAMES, keep_quoted: true }) {
  const { outputFiles } = await build({ ...shared, ...options });
  // Names stay the same in all chunks of one build.
  const nameCache = {};
  for (const { path, text } of outputFiles) {
    const { code } = await minify(text, {
      module: options.format === 'esm',
      toplevel: true,
      ecma: 2020,
      nameCache,
      compress: {
        directives: false,
        passes: 3,
        unsafe: true,
        unsafe_arrows: true,
        pure_getters: true,
        keep_fargs: false,
        // Longer, and smaller once compressed.
        sequences: false,
        hoist_funs: true,
      },
      mangle: { properties },
    });
    writeFileSync(join(DIST, basename(path)), code);
  }
}

async function writeTypes(entry) {
  await bundleTypes({
    cwd: FOLDER,
    config: false,
    entry,
    outDir: DIST,
    format: 'esm',
    platform: 'browser',
    clean: false,
    logLevel: 'error',
    dts: { emitDtsOnly: true, sourcemap: false },
    deps: {
      alwaysBundle: [/^@dimmer\/(?!browser)/],
      neverBundle: [/^@openfeature\//, '@dimmer/browser', 'react'],
    },
  });
}
