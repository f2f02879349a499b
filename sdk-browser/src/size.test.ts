import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));

/** Bytes after gzip: what was reached, and a little for differences between versions of the tools. */
const BUDGETS = { core: 7_150, tabs: 1_050, later: 3_300, script: 10_400 };

/** A first run without `npm run build` has nothing to weigh; the pipeline always has. */
const isBuilt = existsSync(DIST) || process.env['CI'] !== undefined;

describe.skipIf(!isBuilt)('the size', () => {
  test('[B60] of each bundle, minified and compressed, stays within its budget', () => {
    const sizes = {
      core: sizeOf(/^index\.mjs$/),
      tabs: sizeOf(/^tabs-.*\.mjs$/),
      later: sizeOf(/^later-.*\.mjs$/),
      script: sizeOf(/^dimmer\.global\.js$/),
    };
    console.log(`@dimmer/browser, min + gzip: ${JSON.stringify(sizes)}`);
    for (const [part, bytes] of Object.entries(sizes)) {
      expect(bytes, part).toBeGreaterThan(0);
      expect(bytes, part).toBeLessThanOrEqual(BUDGETS[part as keyof typeof BUDGETS]);
    }
  });
});

function sizeOf(name: RegExp): number {
  const files = readdirSync(DIST).filter((file) => name.test(file));
  return files.reduce((sum, file) => sum + gzipSync(readFileSync(`${DIST}${file}`), { level: 9 }).length, 0);
}
