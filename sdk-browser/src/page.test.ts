import { afterEach, describe, expect, test } from 'vitest';
import { settle, TestBrowser } from './browser.fixture.ts';
import { EVENT_CHARACTERS_MAX, EVENTS_MAX, EXPOSURES_MAX } from './counters.ts';
import { Dimmer } from './dimmer.ts';
import type { DimmerOptions } from './options.ts';
import { flagValue, ValueServer } from './value-server.fixture.ts';

const KEY = `dim_cli_${'Client'.repeat(6)}`;
const ON = flagValue('checkout-v2', true);
const OFF = flagValue('checkout-v2', false);

const opened: Dimmer[] = [];
afterEach(() => {
  for (const flags of opened.splice(0)) flags.close();
});

async function page(options: Partial<DimmerOptions> = {}) {
  const server = new ValueServer([ON]);
  const browser = new TestBrowser();
  const tab = browser.tab(server.fetch);
  const context = { targetingKey: 'ada' };
  const flags = new Dimmer({ url: 'http://flags.test/', key: KEY, context, ...options }, tab.platform);
  opened.push(flags);
  const ready = flags.ready();
  await browser.clock.pass(0);
  if (options.streaming !== false) await ready;
  return { server, browser, tab, flags, clock: browser.clock };
}

describe('the stream', () => {
  test('[B30] carries the context in its body, and continues from what is here', async () => {
    const { server, flags, clock } = await page();
    expect(server.requests[0]?.headers.get('authorization')).toBe(`Bearer ${KEY}`);
    expect(server.requests[0]?.body).toEqual({ context: { targetingKey: 'ada' } });
    server.cut();
    await clock.pass(1_000);
    expect(server.streamRequests().at(-1)?.body).toMatchObject({ since: 'e1:1', digest: expect.any(Number) });
    expect(flags.status()).toMatchObject({ state: 'LIVE', lastError: null });
    server.commit([OFF]);
    await settle();
    expect(flags.boolean('checkout-v2', true)).toBe(false);
  });

  test('[B35] ends with a message that does not end', async () => {
    const { server, flags } = await page();
    const [stream] = server.streams;
    const part = new TextEncoder().encode('x'.repeat(65_536));
    for (let parts = 0; parts < 32; parts += 1) stream?.controller.enqueue(part);
    await settle();
    expect(flags.status()).toMatchObject({ state: 'LIVE' });
    stream?.controller.enqueue(part);
    await settle();
    expect(flags.status()).toMatchObject({
      state: 'INTERRUPTED',
      lastError: { message: 'a message is too long' },
    });
  });

  test('[B31] is closed after five minutes out of sight, and opened when the page is shown', async () => {
    const { server, tab, flags, clock } = await page();
    tab.hide();
    await clock.pass(200_000);
    tab.show();
    tab.hide();
    server.heartbeat();
    await clock.pass(299_000);
    const before = server.streamRequests().length;
    await clock.pass(2_000);
    expect(server.streams.size).toBe(0);
    expect(flags.status()).toMatchObject({ state: 'STALE', mode: 'none', revision: 1 });
    server.commit([OFF]);
    await clock.pass(900_000);
    expect(server.streamRequests()).toHaveLength(before);
    expect(flags.boolean('checkout-v2', false)).toBe(true);
    tab.show();
    await settle();
    expect(flags.status().state).toBe('LIVE');
    expect(flags.boolean('checkout-v2', true)).toBe(false);
  });

  test('[B32] is closed when the page is put away, and opened when it comes back', async () => {
    const { server, tab, flags } = await page();
    tab.happen('pagehide');
    await settle();
    expect(server.streams.size).toBe(0);
    tab.happen('pageshow');
    await settle();
    expect(server.streams.size).toBe(1);
    expect(flags.status()).toMatchObject({ state: 'LIVE', revision: 1 });
  });

  test('[B33] is tried at once when the network comes back', async () => {
    const { server, tab, flags, clock } = await page();
    server.isDown = true;
    server.cut();
    tab.happen('offline');
    await clock.pass(100_000);
    expect(flags.status().state).not.toBe('LIVE');
    server.isDown = false;
    tab.happen('online');
    await settle();
    expect(flags.status().state).toBe('LIVE');
    const attempts = server.streamRequests().length;
    tab.happen('online');
    await settle();
    expect(server.streamRequests()).toHaveLength(attempts);
  });

  test('[B33] that the browser says is lost is not waited for', async () => {
    const { server, tab, flags } = await page();
    server.isDown = true;
    tab.happen('offline');
    await settle();
    expect(flags.status().state).not.toBe('LIVE');
    expect(flags.boolean('checkout-v2', false)).toBe(true);
  });

  test('[B34] polls name what is here, and bring what is new', async () => {
    const { server, flags, clock } = await page({ streaming: false });
    await clock.pass(2_000);
    expect(flags.status()).toMatchObject({ mode: 'poll', revision: 1 });
    await clock.pass(36_000);
    expect(server.streamRequests()).toEqual([]);
    expect(server.requests.at(-1)?.headers.get('if-none-match')).toBe('"e1:1:ada0000000000000"');
    server.commit([OFF]);
    await clock.pass(36_000);
    expect(flags.boolean('checkout-v2', true)).toBe(false);
  });

  test('[B37] beside a stream that stays away values are polled, and the stream is tried as ever', async () => {
    const { server, flags, clock } = await page();
    server.refusal = 503;
    server.cut();
    await clock.pass(60_000);
    expect(flags.status()).toMatchObject({ state: 'STALE', mode: 'none', revision: 1 });
    const asked = server.requests.filter(({ path }) => path === 'evaluate').length;
    expect(asked).toBeGreaterThan(0);
    expect(server.streamRequests().length).toBeGreaterThan(3);
    server.refusal = undefined;
    await clock.pass(31_000);
    expect(flags.status()).toMatchObject({ state: 'LIVE', mode: 'stream' });
  });

  test('[B34] an answer that does not add up is not used', async () => {
    const { server, flags, clock } = await page({ streaming: false });
    await clock.pass(2_000);
    const { fetch } = server;
    server.commit([{ ...OFF, version: Number.NaN }]);
    await clock.pass(36_000);
    expect(flags.boolean('checkout-v2', false)).toBe(true);
    expect(fetch).toBe(server.fetch);
  });
});

describe('reports', () => {
  test('[B50] exposures are counted and reported every 30 s, and when the page goes', async () => {
    const { server, tab, flags, clock } = await page({ application: { name: 'shop', build: '7' } });
    for (let count = 0; count < 3; count += 1) flags.boolean('checkout-v2', false);
    flags.string('checkout-v2', 'x');
    flags.track('bought', { value: 12.5 });
    await clock.pass(36_000);
    expect(server.reports).toEqual([
      {
        key: KEY,
        instance: {
          id: expect.any(String),
          sdk: { name: '@dimmer/browser', version: '0.1.0' },
          application: { name: 'shop', build: '7' },
          runningMs: expect.any(Number),
        },
        status: expect.objectContaining({ state: 'LIVE', mode: 'stream', revision: 1, epoch: 'e1' }),
        applied: [],
        batch: {
          id: expect.any(String),
          exposures: [
            { flag: 'checkout-v2', variation: 'given', reason: 'FALLTHROUGH', revision: 1, count: 3 },
            {
              flag: 'checkout-v2',
              variation: null,
              reason: 'ERROR',
              errorCode: 'TYPE_MISMATCH',
              revision: 1,
              count: 1,
            },
          ],
          events: [{ name: 'bought', at: expect.any(String), targetingKey: 'ada', details: { value: 12.5 } }],
          dropped: { exposures: 0, events: 0 },
        },
      },
    ]);
    const { headers } = server.requests.find(({ path }) => path === 'report') ?? {};
    expect(headers?.get('content-type')).toMatch(/^text\/plain/);
    expect(headers?.has('authorization')).toBe(false);
    await clock.pass(300_000);
    expect(server.reports).toHaveLength(1);
    flags.boolean('checkout-v2', false);
    tab.hide();
    await settle();
    flags.boolean('checkout-v2', false);
    tab.happen('pagehide');
    await settle();
    flags.boolean('checkout-v2', false);
    flags.close();
    await settle();
    expect(server.reports).toHaveLength(4);
    expect(tab.isWatched).toBe(false);
  });

  test('[B50] a page that goes before the rest is loaded reports too', async () => {
    const server = new ValueServer([ON]);
    const browser = new TestBrowser();
    const tab = browser.tab(server.fetch);
    server.isSlow = true;
    const flags = new Dimmer({ url: '/', key: KEY, context: { targetingKey: 'ada' } }, tab.platform);
    opened.push(flags);
    flags.boolean('checkout-v2', false);
    await settle();
    expect(flags.status().state).toBe('DEFAULTS');
    tab.happen('pagehide');
    await settle();
    expect(server.reports[0]?.batch?.exposures).toEqual([
      expect.objectContaining({ flag: 'checkout-v2', errorCode: 'NOT_READY', count: 1 }),
    ]);
  });

  test('[B50] nothing is counted where reports are off', async () => {
    const { server, tab, flags, clock } = await page({ reports: false });
    flags.boolean('checkout-v2', false);
    tab.hide();
    await clock.pass(100_000);
    expect(server.reports).toEqual([]);
  });

  test('[B51] a batch that was not taken is sent again with its id, ever more slowly', async () => {
    const { server, flags, clock } = await page();
    flags.boolean('checkout-v2', false);
    const sent = () => server.requests.filter(({ path }) => path === 'report');
    server.refusal = 503;
    await clock.pass(30_000);
    flags.boolean('checkout-v2', false);
    await clock.pass(30_000);
    expect(sent()).toHaveLength(1);
    await clock.pass(30_000);
    expect(sent()).toHaveLength(2);
    server.refusal = undefined;
    await clock.pass(120_000);
    const batches = sent().map(({ body }) => (body as { batch?: { id: string } }).batch?.id);
    expect(new Set(batches.slice(0, 3)).size).toBe(1);
    await clock.pass(30_000);
    expect(server.reports.map(({ batch }) => batch?.exposures[0]?.count)).toEqual([1, 1]);
  });

  test('[B51] a batch that cannot be read is given up', async () => {
    const { server, flags, clock } = await page();
    flags.boolean('checkout-v2', false);
    server.refusal = 400;
    await clock.pass(30_000);
    server.refusal = undefined;
    await clock.pass(300_000);
    expect(server.reports).toEqual([]);
  });

  test('[B52] what is too much is dropped, and counted', async () => {
    const { server, flags, clock } = await page();
    for (let index = 0; index < EXPOSURES_MAX + 5; index += 1) flags.boolean(`flag-${index}`, false);
    for (let index = 0; index < EVENTS_MAX + 7; index += 1) flags.track('seen');
    expect(flags.status().dropped).toEqual({ exposures: 5, events: 7 });
    await clock.pass(30_000);
    expect(server.reports[0]?.batch?.exposures).toHaveLength(EXPOSURES_MAX);
    expect(server.reports[0]?.batch?.dropped).toEqual({ exposures: 5, events: 7 });
    expect(flags.status().dropped).toEqual({ exposures: 0, events: 0 });
    flags.track('large', { text: 'x'.repeat(EVENT_CHARACTERS_MAX) });
    flags.track('odd', { odd: 1n as never });
    expect(flags.status().dropped).toEqual({ exposures: 0, events: 1 });
  });
});
