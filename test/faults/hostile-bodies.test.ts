import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { LIMITS } from '@dimmer/schema';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createServerProcess, type ServerProcess } from './server-process.ts';
import { createFlag } from './writer.ts';

const FLAG = 'attacked';
const ROUNDS = 20;
/** Of what is held after a collection. */
const HELD_GROWTH_MAX_MB = 20;
/** Of the process, where V8 keeps room for young objects and malloc its pages (docs/proof.md). */
const GROWTH_MAX_MB = 100;
const COLLECTION = new URL('forced-collection.mjs', import.meta.url);
/** How long the process may take to give back what it took. */
const SETTLE_MS = 40_000;

let directory: string;
let server: ServerProcess;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dimmer-bodies-'));
  server = await createServerProcess(join(directory, 'dimmer.db'), {
    NODE_OPTIONS: `--import ${COLLECTION}`,
  });
  await server.start();
  await createFlag(server, FLAG);
});

afterAll(async () => {
  await server.end('SIGKILL');
  rmSync(directory, { recursive: true });
});

const names = Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`name-${index}`, 1]));
const bodies: readonly { readonly text: string | Uint8Array<ArrayBuffer>; readonly encoding?: string }[] = [
  { text: `{"context":${'['.repeat(LIMITS.bodyBytes / 2)}` },
  { text: '{"context":{"a":1e400},"enabled":1e400}' },
  { text: '{"context":{"targetingKey":"a","targetingKey":"b"}}' },
  { text: new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]) },
  { text: new Uint8Array(gzipSync(' '.repeat(50_000_000))), encoding: 'gzip' },
  { text: ' '.repeat(LIMITS.bodyBytes + 1) },
  { text: JSON.stringify(names) },
  { text: JSON.stringify({ context: names }) },
  { text: JSON.stringify({ targets: Array.from({ length: 60_000 }, () => ({ a: 1 })) }) },
];

test('[A40] [A41] hostile bodies are refused by a real server, and do not fill its memory (BAD-7)', async () => {
  await attack();
  const heldBefore = await heldMb();
  const before = residentMb();
  for (let round = 0; round < ROUNDS; round += 1) await attack();
  const heldMore = (await heldMb()) - heldBefore;
  expect(heldMore).toBeLessThanOrEqual(HELD_GROWTH_MAX_MB);
  await vi.waitFor(() => expect(residentMb() - before).toBeLessThanOrEqual(GROWTH_MAX_MB), {
    timeout: SETTLE_MS,
    interval: 200,
  });
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  if (process.env['DIMMER_TEST_PRINT'] === '1')
    console.info(
      `held ${heldBefore.toFixed(1)} MB, ${heldMore.toFixed(1)} MB more; RSS ${before.toFixed(0)} MB, ${(residentMb() - before).toFixed(1)} MB more after ${ROUNDS} rounds`,
    );
}, 240_000);

/** Every body once; each must be refused as the caller's fault. */
async function attack(): Promise<void> {
  const route = `${server.url}/api/v1/projects/default/environments/production/flags/${FLAG}/explain`;
  for (const { text, encoding } of bodies) {
    const answer = await fetch(route, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.adminKey}`,
        'content-type': 'application/json',
        ...(encoding !== undefined && { 'content-encoding': encoding }),
      },
      body: text,
    }).catch(() => undefined);
    // A connection that is closed while the body is on its way is a refusal too.
    if (answer === undefined) continue;
    await answer.arrayBuffer();
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  }
}

/** What the server holds once it has collected: heap and buffers. */
async function heldMb(): Promise<number> {
  const told = () =>
    [...server.output().matchAll(/^held (\d+) bytes$/gm)].map(([, bytes]) => Number(bytes) / 1e6);
  const before = told().length;
  server.signal('SIGUSR2');
  await vi.waitFor(() => expect(told().length).toBeGreaterThan(before), { timeout: SETTLE_MS });
  return told().at(-1) ?? Number.NaN;
}

/** What the process holds of the memory, as the kernel counts it. */
function residentMb(): number {
  const status = readFileSync(`/proc/${server.pid()}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_000;
}
