import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));

/** Bytes after gzip that a page with the core has to load more. */
const BUDGET = 1_024;

/** A first run without `npm run build` has nothing to weigh; the pipeline always has. */
const isBuilt = existsSync(`${DIST}react.mjs`) || process.env['CI'] !== undefined;

describe.skipIf(!isBuilt)('the binding for React', () => {
  test('[B77] adds no more than its budget to a page that has the core', async () => {
    const core = await sizeOf(`export * from './index.mjs';`);
    const both = await sizeOf(`export * from './index.mjs'; export * from './react.mjs';`);
    console.log(`@dimmer/browser/react adds, min + gzip: ${both - core}`);
    expect(both - core).toBeGreaterThan(0);
    expect(both - core).toBeLessThanOrEqual(BUDGET);
  });
});

/** What a page bundles, React and what is loaded later apart. */
async function sizeOf(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: DIST },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    external: ['react', './tabs-*', './later-*'],
    alias: { '@dimmer/browser': `${DIST}index.mjs` },
  });
  return gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
}
