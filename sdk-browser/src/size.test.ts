import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));

/** Bytes after gzip: what the core may weigh, and of the others what was reached and a little more. */
const BUDGETS = { core: 6_144, tabs: 1_050, later: 3_500, script: 10_000 };

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

test('[B60] each code that a bundle says in place of a text is explained', async () => {
  const codes = readFileSync(new URL('../error-codes.mjs', import.meta.url), 'utf8');
  const guide = readFileSync(new URL('../../docs/browser-sdk.md', import.meta.url), 'utf8');
  const said = [...codes.matchAll(/^ {2}'.*': '([a-z-]+)/gm)].map(([, code]) => code);
  expect(said.length).toBeGreaterThan(20);
  for (const code of said) expect(guide).toContain(`| \`${code}\` `);
});

function sizeOf(name: RegExp): number {
  const files = readdirSync(DIST).filter((file) => name.test(file));
  return files.reduce((sum, file) => sum + gzipSync(readFileSync(`${DIST}${file}`), { level: 9 }).length, 0);
}
