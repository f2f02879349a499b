import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAdmin } from './admin.ts';
import { shopReaches, visitAll, visitUntilClassic } from './customers.ts';
import { startProgram, stopProgram } from './processes.ts';

const CUSTOMERS = Number(process.env['CUSTOMERS'] ?? 5000);
const STEPS_PERCENT = [0, 1, 10, 50, 100];

const users = Array.from({ length: CUSTOMERS }, (_, index) => `user-${index}`);
const directory = await mkdtemp(join(tmpdir(), 'dimmer-checkout-'));
const keys = { admin: newKey('adm'), server: newKey('srv') };

const dimmer = await startProgram(
  fileURLToPath(import.meta.resolve('@dimmer/server/bin/dimmer.js')),
  ['serve'],
  {
    DIMMER_PORT: '0',
    DIMMER_DATABASE_URL: `file:${join(directory, 'dimmer.db')}`,
    DIMMER_BOOTSTRAP_ADMIN_KEY: keys.admin,
    DIMMER_BOOTSTRAP_SERVER_KEY: keys.server,
    DIMMER_LOG_LEVEL: 'warn',
    DIMMER_DRAIN_ACCEPT_MS: '0',
    DIMMER_DRAIN_SPREAD_MS: '0',
  },
);
const admin = createAdmin(dimmer.url, keys.admin);
await admin.createFlag();

const shop = await startProgram(fileURLToPath(new URL('./serve.js', import.meta.url)), [], {
  PORT: '0',
  DIMMER_URL: dimmer.url,
  DIMMER_KEY: keys.server,
});

console.log(`${CUSTOMERS} customers, one shop at ${shop.url}, flags from ${dimmer.url}\n`);
console.log('rollout   on the new checkout     came in   flipped back   shop followed within');

let before: ReadonlySet<string> = new Set();
let flips = 0;
for (const percent of STEPS_PERCENT) {
  const followedMs = await shopReaches(shop.url, await admin.rollOut(percent));
  const now = await visitAll(shop.url, users);
  const flippedBack = [...before].filter((user) => !now.has(user)).length;
  const cameIn = now.size - (before.size - flippedBack);
  const share = `${now.size} (${((100 * now.size) / CUSTOMERS).toFixed(1)} %)`;
  console.log(
    `${`${percent} %`.padStart(6)}${share.padStart(24)}${String(cameIn).padStart(12)}` +
      `${String(flippedBack).padStart(15)}${`${followedMs.toFixed(0)} ms`.padStart(23)}`,
  );
  flips += flippedBack;
  before = now;
}

const traffic = visitUntilClassic(shop.url, users.slice(0, 200));
await admin.kill('payments fail on the new page');
const killedAt = performance.now();
const lastOnePageAt = await traffic;
const afterKill = await visitAll(shop.url, users);

console.log(
  `\nkilled: the last new checkout was answered ${Math.max(0, lastOnePageAt - killedAt).toFixed(0)} ms after the kill was confirmed`,
);
console.log(`customers on the new checkout now: ${afterKill.size}; flipped back on the way up: ${flips}`);

await stopProgram(shop);
await stopProgram(dimmer);
await rm(directory, { recursive: true });
process.exitCode = flips === 0 && afterKill.size === 0 ? 0 : 1;

function newKey(kind: 'adm' | 'srv'): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return `dim_${kind}_${Array.from({ length: 32 }, () => alphabet[randomInt(alphabet.length)]).join('')}`;
}
