import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Dimmer } from './client.ts';
import { fixedFlag } from './stream-server.fixture.ts';
import { VirtualNetwork } from './virtual-network.fixture.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const user = { targetingKey: 'user-1' };
const flags = [fixedFlag('a', 1, true), fixedFlag('b', 1, 'blue')];

function dimmer(network: VirtualNetwork, reports: boolean): Dimmer {
  const { fetch, platform } = network;
  const options = {
    url: 'http://dimmer.test',
    key: `dim_srv_${'a'.repeat(32)}`,
    cache: false,
    reports,
  } as const;
  return new Dimmer({ ...options, fetch }, platform);
}

test('[N14] a day without the server changes no value, is told once, and costs a request in 15 seconds (SDK-3)', async () => {
  const network = new VirtualNetwork(generator(3));
  network.answer = () => network.stream(7, flags);
  const sdk = dimmer(network, false);
  await sdk.ready();
  const states: string[] = [];
  sdk.onStatus(({ state }) => states.push(state));
  network.answer = () => new TypeError('fetch failed');
  network.cut();
  await network.clock.pass(HOUR_MS);
  const heapBefore = heapBytes();
  const askedBefore = network.requests.length;
  for (let hour = 0; hour < 24; hour += 1) {
    await network.clock.pass(HOUR_MS);
    // As it runs by itself: tables of the engine keep the size that a whole day of garbage would give them.
    collect();
  }

  expect((network.requests.length - askedBefore) / DAY_MS).toBeLessThan(1 / 15_000);
  expect(states).toEqual(['INTERRUPTED', 'STALE']);
  expect(sdk.boolean('a', user, false)).toBe(true);
  expect(sdk.string('b', user, 'red')).toBe('blue');
  network.requests.length = 0;
  expect(Math.abs(heapBytes() / heapBefore - 1)).toBeLessThan(0.05);
  await sdk.close();
  expect(network.clock.pending).toBe(0);
});

test.each([
  ['answers 429', () => new Response(null, { status: 429 })],
  ['is gone', () => new TypeError('fetch failed')],
])(
  '[N31] [N82] [N83] an hour of 1,000 events and evaluations a second while whoever counts %s costs no memory (SDK-15)',
  async (_, refuse) => {
    const network = new VirtualNetwork(generator(5));
    network.answer = (path) => (path.endsWith('/report') ? refuse() : network.stream(1, flags));
    const sdk = dimmer(network, true);
    await sdk.ready();
    const heapBefore = heapBytes();
    for (let second = 0; second < HOUR_MS / 1_000; second += 1) {
      for (let index = 0; index < 1_000; index += 1) {
        sdk.track('viewed', user, { index });
        sdk.boolean(index % 2 === 0 ? 'a' : `made-up-${second}-${index}`, user, false);
      }
      await network.clock.pass(1_000);
    }
    const { tracked, exposures } = sdk.status();
    expect(heapBytes() - heapBefore).toBeLessThan(10_000_000);
    expect(tracked.buffered).toBeLessThanOrEqual(10_000);
    expect(tracked.dropped).toBeGreaterThan(3_500_000);
    expect(exposures.dropped).toBeGreaterThan(1_700_000);
    const reports = network.requests.filter(({ path }) => path.endsWith('/report'));
    // Without failures there would be one every 10 seconds.
    expect(reports.length).toBeLessThan(HOUR_MS / 10_000 / 3);
    await sdk.close();
  },
);

/** What is reachable: collected as often as it takes to lose what only waits to be finalized. */
function heapBytes(): number {
  for (let pass = 0; pass < 3; pass += 1) collect();
  return process.memoryUsage().heapUsed;
}

/** Numbers from 0 to 1, the same in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
