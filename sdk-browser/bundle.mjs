/**
 * Bundles the SDK as it is published: an ES module that loads polls, and the sharing of streams between tabs, when it
 * needs them; beside it the binding for React, the provider for OpenFeature and the fake for tests; and one file for a script tag, which
 * holds the core and makes the global `Dimmer`.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_TIMING } from '@dimmer/follower';
import { build } from 'esbuild';
import { minify } from 'terser';
import { build as bundleTypes } from 'tsdown';
import { ERROR_CODES } from './error-codes.mjs';
import { INNER_NAMES, PUBLIC_NAMES } from './public-names.mjs';
import { shortNames } from './short-names.mjs';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const DIST = join(FOLDER, 'dist');

const shared = {
  bundle: true,
  write: false,
  outdir: DIST,
  target: 'es2022',
  minifySyntax: true,
  charset: 'utf8',
  absWorkingDir: FOLDER,
};

const SHORT_NAMES = { reserved: PUBLIC_NAMES, keep_quoted: true };

/** The sign of a private name, where it is read, written or declared. */
const PRIVATE_NAME = /(?<=this\.|^\s+(?:async )?)#(?=\w)/gm;

/** A figure of the follower's timing, where it is read. */
const FIGURE = /(?<![/\w.])(?:\w+\.)?timing_?\d*\.(\w+)/g;

/** Texts that no bundle was found to have: an error that was reworded has its code no more. */
const unwritten = new Set(Object.keys(ERROR_CODES));

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST);
await writeCore(['tabs', 'later']);
// What is beside the core takes it from there: a page has it once.
await write(
  {
    entryPoints: { react: 'src/react/index.ts' },
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    external: ['react', '@dimmer/browser'],
  },
  // More like the core, and so smaller beside it.
  { compress: { reduce_funcs: false } },
);
await write(
  {
    entryPoints: { openfeature: 'src/openfeature/index.ts' },
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    external: ['@dimmer/browser', '@openfeature/*'],
  },
  // OpenFeature and Dimmer read most of the names.
  { properties: false },
);
await build({
  ...shared,
  write: true,
  entryPoints: { testing: 'src/testing/index.ts' },
  format: 'esm',
  outExtension: { '.js': '.mjs' },
});
await write({ entryPoints: { 'dimmer.global': 'src/script.ts' }, format: 'iife' });
if (unwritten.size > 0)
  throw new Error(`error-codes.mjs has texts that the source has not: ${[...unwritten]}`);
await writeTypes({ index: 'src/index.ts', testing: 'src/testing/index.ts' });
await writeTypes({ react: 'src/react/index.ts', openfeature: 'src/openfeature/index.ts' });

/**
 * Writes the core, and beside it what it loads later. Each is whole in itself: a part that several need is in all of
 * them, so that nothing but the core has to be there for the core to run.
 *
 * @param later - Modules that are loaded with `import()`.
 */
async function writeCore(later) {
  const [index, ...chunks] = (await Promise.all(['index', ...later].map(bundled))).map(inPlace);
  // Names stay the same in all of them.
  const nameCache = { props: await shortNames(index, shrunkModule, PUBLIC_NAMES) };
  let core = await shrunkModule(index, { nameCache });
  for (const [place, name] of later.entries()) {
    const code = await shrunkModule(chunks[place], { nameCache });
    // Another content has another name: no core meets a chunk of another build.
    const file = `${name}-${createHash('sha256').update(code).digest('hex').slice(0, 6)}.mjs`;
    writeFileSync(join(DIST, file), code);
    core = core.replace(`./${name}.mjs`, `./${file}`);
  }
  writeFileSync(join(DIST, 'index.mjs'), core);
}

/** Writes codes in place of texts, and figures in place of their names: a page has no other timing. */
function inPlace(text) {
  let placed = text;
  for (const [long, code] of Object.entries(ERROR_CODES)) {
    for (const written of [long, long.replace('#', 'own_')]) {
      if (placed.includes(written)) unwritten.delete(long);
      placed = placed.replaceAll(written, code);
    }
  }
  return placed.replace(/ = (?:STREAM|POLL)_TIMING(?=[,)])/g, '').replace(FIGURE, (_, figure) => {
    if (!(figure in DEFAULT_TIMING)) throw new Error(`timing.${figure} is no figure of the follower`);
    return String(DEFAULT_TIMING[figure]);
  });
}

/** One module with all that it imports, but not what it loads later. */
async function bundled(name) {
  const later = {
    name: 'later',
    setup({ onResolve }) {
      onResolve({ filter: /^\./ }, ({ kind, path }) =>
        kind === 'dynamic-import' ? { path: path.replace(/\.ts$/, '.mjs'), external: true } : undefined,
      );
      onResolve({ filter: /\/murmur3\.js$/ }, ({ resolveDir }) => ({
        path: join(resolveDir, 'murmur3-short.js'),
        sideEffects: false,
      }));
    },
  };
  const { outputFiles } = await build({
    ...shared,
    entryPoints: [`src/${name}.ts`],
    format: 'esm',
    plugins: [later],
    // Terser leaves names alone that browsers have too.
    mangleProps: new RegExp(`^(?:${INNER_NAMES.join('|')})$`),
    mangleCache: Object.fromEntries(INNER_NAMES.map((inner) => [inner, `${inner}_`])),
  });
  // A private name cannot be shorter than two characters, and has to be declared.
  return outputFiles[0].text.replace(/^\s+#\w+;\n/gm, '').replace(PRIVATE_NAME, 'own_');
}

/** @param shrinking - What is other than usual, see `shrunk`. */
async function write(options, shrinking) {
  const { outputFiles } = await build({ ...shared, ...options });
  for (const { path, text } of outputFiles) {
    writeFileSync(
      join(DIST, basename(path)),
      await shrunk(inPlace(text), { module: options.format === 'esm', ...shrinking }),
    );
  }
}

function shrunkModule(text, options) {
  return shrunk(text, { module: true, ...options });
}

/**
 * @param options.properties - How names of properties are made short; `false`: they stay.
 * @param options.compress - Options of terser that are other than usual.
 */
async function shrunk(text, { properties = SHORT_NAMES, compress, ...options }) {
  const { code } = await minify(text, {
    toplevel: true,
    ecma: 2020,
    compress: {
      directives: false,
      passes: 6,
      unsafe: true,
      unsafe_arrows: true,
      pure_getters: true,
      // Whom nobody asks: only Node reports updates that were refused.
      pure_funcs: ['noteRefusal'],
      keep_fargs: false,
      // Longer, and smaller once compressed.
      sequences: false,
      hoist_props: false,
      lhs_constants: false,
      conditionals: false,
      inline: 1,
      unsafe_math: true,
      hoist_funs: true,
      ...compress,
    },
    // Terser keeps what it gave in the object.
    mangle: { properties: properties && { ...properties } },
    ...options,
  });
  return code;
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
