import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { run } from '../../../scripts/prepare.mjs';

const FOLDER = new URL('../peers/', import.meta.url);
const STAMP = new URL('node_modules/.lockfile-digest', FOLDER);

/** Installs the systems to compare with, where they are missing or the lockfile has changed. */
export function installPeers() {
  const digest = createHash('sha256')
    .update(readFileSync(new URL('package-lock.json', FOLDER)))
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === digest) return;
  run(['npm', 'ci', '--prefix', 'test/bench/peers', '--ignore-scripts', '--no-audit', '--no-fund']);
  writeFileSync(STAMP, digest);
}

/** Loads them: only now, since they are not there before they are installed. */
export async function loadPeers() {
  const { createUnleash } = await import('../peers/unleash.mjs');
  const { createLaunchDarkly } = await import('../peers/launchdarkly.mjs');
  const { createGrowthBook } = await import('../peers/growthbook.mjs');
  const { createFlagd } = await import('../peers/flagd.mjs');
  return [createUnleash, createLaunchDarkly, createGrowthBook, createFlagd];
}
