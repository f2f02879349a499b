import { afterEach, describe, expect, test } from 'vitest';
import { settle, TestBrowser } from './browser.fixture.ts';
import { contextHash } from './context.ts';
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

function rig(server = new ValueServer([ON]), browser = new TestBrowser()) {
  const tab = browser.tab(server.fetch);
  const open = (options: Partial<DimmerOptions> = {}, platform = tab.platform): Dimmer => {
    const flags = new Dimmer(
      { url: 'http://flags.test', key: KEY, context: { targetingKey: 'ada' }, ...options },
      platform,
    );
    opened.push(flags);
    return flags;
  };
  return { server, browser, tab, open, clock: browser.clock };
}

describe('answers', () => {
  test('[B1] a flag answers with its value, and says why', async () => {
    const { open } = rig(
      new ValueServer([
        ON,
        flagValue('theme', 'dark', { metadata: { team: 'web' } }),
        flagValue('limit', 3),
        flagValue('menu', { items: ['a'] }),
        flagValue('quiet', undefined, { type: 'boolean', reason: 'OFF' }),
        { kind: 'value', key: 'odd', version: 1, opaque: true },
      ]),
    );
    const flags = open();
    expect(flags.detail('checkout-v2', false)).toMatchObject({ value: false, errorCode: 'NOT_READY' });
    expect(await flags.ready()).toMatchObject({ state: 'LIVE', mode: 'stream', revision: 1, epoch: 'e1' });
    expect(flags.boolean('checkout-v2', false)).toBe(true);
    expect(flags.string('theme', 'light')).toBe('dark');
    expect(flags.number('limit', 1)).toBe(3);
    expect(flags.json('menu', {})).toEqual({ items: ['a'] });
    expect(flags.detail('theme', 'light')).toEqual({
      value: 'dark',
      variation: 'given',
      reason: 'FALLTHROUGH',
      revision: 1,
      ageMs: 0,
      metadata: { team: 'web' },
    });
    expect(flags.detail('none', 1)).toMatchObject({ value: 1, reason: 'ERROR', errorCode: 'FLAG_NOT_FOUND' });
    expect(flags.detail('theme', 1)).toMatchObject({ value: 1, errorCode: 'TYPE_MISMATCH' });
    expect(flags.detail('odd', 1)).toMatchObject({ value: 1, errorCode: 'INVALID_DEFINITION' });
    expect(flags.detail('quiet', true)).toMatchObject({ value: true, variation: null, reason: 'OFF' });
    expect(flags.flags()).toEqual({ 'checkout-v2': true, theme: 'dark', limit: 3, menu: { items: ['a'] } });
  });

  test('[B2] nothing throws where the world does: no network, a logger that throws, a closed instance', async () => {
    const { server, open, clock } = rig();
    server.isDown = true;
    const logger = {
      warn: () => {
        throw new Error('full');
      },
    };
    const flags = open({ logger, context: { targetingKey: 'ada', size: 1n } });
    const ready = flags.ready({ timeoutMs: 50 });
    await clock.pass(60);
    expect(await ready).toMatchObject({ state: 'DEFAULTS', lastError: { message: 'Failed to fetch' } });
    flags.close();
    flags.close();
    expect(flags.boolean('checkout-v2', true)).toBe(true);
    expect(await flags.identify({ targetingKey: 'bob' })).toMatchObject({ state: 'CLOSED' });
    flags.track('late');
    expect(clock.timers).toBe(0);
  });

  test('[B3] a listener hears of values that became others, and of nothing else', async () => {
    const { server, open, tab } = rig();
    const flags = open();
    const all: (readonly string[])[] = [];
    const one: unknown[] = [];
    flags.onChange(() => {
      throw new Error('mine');
    });
    flags.onChange((keys) => all.push(keys));
    const stop = flags.onChange('checkout-v2', (value) => one.push(value));
    await flags.ready();
    server.commit([flagValue('checkout-v2', true, { reason: 'SPLIT' })]);
    await settle();
    expect(flags.detail('checkout-v2', false)).toMatchObject({ reason: 'SPLIT', revision: 2 });
    server.commit([OFF, flagValue('theme', 'dark')]);
    await settle();
    server.commit([flagValue('theme', 'dark')]);
    await settle();
    stop();
    server.commit([ON, flagValue('theme', 'dark')]);
    await settle();
    expect(all).toEqual([['checkout-v2'], ['checkout-v2', 'theme'], ['checkout-v2'], ['checkout-v2']]);
    expect(one).toEqual([true, false, undefined]);
    expect(tab.warnings).toContain('Dimmer: a listener threw: mine');
  });

  test('[B4] ready settles with stored values as soon as the server does not answer', async () => {
    const { server, browser, open, clock } = rig();
    const first = open();
    await first.ready();
    first.close();
    server.isDown = true;
    const again = open({}, browser.tab(server.fetch).platform);
    expect(again.boolean('checkout-v2', false)).toBe(true);
    expect(await again.ready()).toMatchObject({ source: 'cache', revision: 1 });
    expect(clock.now()).toBe(0);
  });

  test('[B4] ready settles for a key that is refused, and says so once', async () => {
    const { server, open, tab } = rig();
    server.refusal = 403;
    expect(await open().ready()).toMatchObject({ state: 'REFUSED', lastError: { status: 403 } });
    expect(tab.warnings).toHaveLength(1);
  });

  test('[B5] a server key is never sent', async () => {
    const { server, open, tab, clock } = rig();
    const flags = open({ key: `dim_srv_${'Secret'.repeat(6)}` });
    await clock.pass(60_000);
    flags.close();
    expect(server.requests).toEqual([]);
    expect(flags.status().state).toBe('CLOSED');
    expect(tab.warnings[0]).toContain('must be a client key');
    expect(tab.warnings[0]).not.toContain('Secret');
  });
});

test('[B6] keys and answers have the types of the flags that were declared', async () => {
  const { server, tab } = rig(new ValueServer([ON, flagValue('theme', 'dark')]));
  const flags = new Dimmer<{ 'checkout-v2': boolean; theme: 'light' | 'dark' }>(
    { url: '', key: KEY, context: {} },
    tab.platform,
  );
  await flags.ready();
  const theme: 'light' | 'dark' = flags.string('theme', 'light');
  const isOn: boolean = flags.boolean('checkout-v2', false);
  expect([theme, isOn, flags.flags().theme]).toEqual(['dark', true, 'dark']);
  // @ts-expect-error: no such flag.
  flags.boolean('checkout', false);
  // @ts-expect-error: of another type.
  flags.boolean('theme', false);
  // @ts-expect-error: no such theme.
  flags.string('theme', 'blue');
  flags.onChange('theme', (value: 'light' | 'dark' | undefined) => value);
  flags.close();
  expect(server.requests.length).toBeGreaterThan(0);
});

describe('contexts', () => {
  test('[B10] the values of the context before are served until those of the next are here', async () => {
    const { server, open } = rig();
    server.give('bob', [OFF]);
    const flags = open();
    await flags.ready();
    const changes: unknown[] = [];
    flags.onChange('checkout-v2', (value) => changes.push(value));
    const identified = flags.identify({ targetingKey: 'bob' }, { hash: 'abc' });
    expect(flags.boolean('checkout-v2', false)).toBe(true);
    expect(await identified).toMatchObject({ state: 'LIVE', revision: 1 });
    expect(flags.boolean('checkout-v2', true)).toBe(false);
    expect(changes).toEqual([false]);
    expect(server.requests.at(-1)?.body).toEqual({ context: { targetingKey: 'bob' }, hash: 'abc' });
    await settle();
    expect(server.streams.size).toBe(1);
  });

  test('[B10] a context that nobody can answer for leaves the one before, and settles in time', async () => {
    const { server, open, clock } = rig();
    const flags = open();
    await flags.ready();
    server.isDown = true;
    const identified = flags.identify({ targetingKey: 'bob' }, { timeoutMs: 700 });
    await clock.pass(700);
    expect(await identified).toMatchObject({ state: 'DEFAULTS', revision: null });
    expect(flags.boolean('checkout-v2', false)).toBe(true);
  });

  test('[B10] who is identified last counts', async () => {
    const { server, open } = rig();
    server.give('bob', [OFF]);
    const flags = open();
    const [bob] = [flags.identify({ targetingKey: 'bob' }), flags.identify({ targetingKey: 'ada' })];
    await bob;
    await flags.ready();
    await settle();
    expect(flags.boolean('checkout-v2', false)).toBe(true);
    expect([...server.streams].map(({ who }) => who)).toEqual(['ada']);
  });

  test('[B11] an anonymous context keeps its random key over pages', async () => {
    const { server, open, browser } = rig();
    await open({ context: { anonymous: true, plan: 'free' } }).ready();
    await open({ context: { anonymous: true } }, browser.tab(server.fetch).platform).ready();
    const [first, second] = server.requests.map(({ body }) => body.context);
    expect(first).toEqual({ anonymous: true, plan: 'free', targetingKey: expect.stringMatching(/./) });
    expect(second?.targetingKey).toBe(first?.targetingKey);
  });

  test('[B12] a context is copied when it is given, and nobody is asked for where it is no JSON', async () => {
    const { server, open, tab } = rig();
    const context = { targetingKey: 'ada', plan: 'free' };
    const flags = open({ context });
    context.plan = 'pro';
    await flags.ready();
    expect(server.requests[0]?.body.context).toEqual({ targetingKey: 'ada', plan: 'free' });
    await flags.identify({ targetingKey: 'ada', size: 1n });
    expect(server.requests.at(-1)?.body.context).toEqual({});
    expect(tab.warnings[0]).toContain('context is not used');
  });
});

describe('what is kept', () => {
  test('[B20] values of five contexts are kept, each for its own', async () => {
    const { server, open, browser } = rig();
    const flags = open();
    for (const who of ['a', 'b', 'c', 'd', 'e', 'f']) {
      server.give(who, [flagValue('name', who)]);
      await flags.identify({ targetingKey: who });
    }
    flags.close();
    server.isDown = true;
    const kept = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((targetingKey) =>
      open({ context: { targetingKey } }, browser.tab(server.fetch).platform).string('name', '-'),
    );
    expect(kept).toEqual(['-', 'b', 'c', 'd', 'e', 'f', '-']);
    const other = { key: `dim_cli_${'Other0'.repeat(6)}`, context: { targetingKey: 'f' } };
    expect(open(other).string('name', '-')).toBe('-');
  });

  test('[B20] values are written a second after they came, with how old they are', async () => {
    const { server, open, browser, clock } = rig();
    const flags = open();
    await flags.ready();
    expect(browser.stored.has('dimmer')).toBe(false);
    await clock.pass(1_000);
    expect(browser.stored.has('dimmer')).toBe(true);
    await clock.pass(5_000);
    server.isDown = true;
    expect(open({}, browser.tab(server.fetch).platform).status()).toMatchObject({
      state: 'CACHED',
      ageMs: 6_000,
    });
  });

  test('[B21] kept values that do not add up are not used', async () => {
    const { server, open, browser } = rig();
    const flags = open();
    await flags.ready();
    flags.close();
    server.isDown = true;
    browser.stored.set('dimmer', (browser.stored.get('dimmer') ?? '').replace(/"digest":\d+/, '"digest":1'));
    expect(open({}, browser.tab(server.fetch).platform).boolean('checkout-v2', false)).toBe(false);
  });

  test.each(['', 'null', '7', '{', '[null]', '{"slice":1}', '[{"context":{}}]'])(
    '[B22] a damaged store is an empty one, and is mended: %j',
    async (damage) => {
      const { open, browser, clock } = rig();
      browser.stored.set('dimmer', damage);
      const flags = open();
      await flags.ready();
      await clock.pass(1_000);
      expect(flags.boolean('checkout-v2', false)).toBe(true);
      expect(browser.stored.get('dimmer')).toContain('checkout-v2');
    },
  );

  test('[B22] a store that throws, or is not there, costs the first paint only', async () => {
    const refuse = (): never => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    const { open, clock, tab } = rig();
    const stores = [{ persistence: { getItem: refuse, setItem: refuse } }, { persistence: false }, {}];
    const context = { anonymous: true };
    const all = stores.map((store) => open({ ...store, context }, { ...tab.platform, storage: refuse }));
    for (const flags of all) expect(await flags.ready()).toMatchObject({ state: 'LIVE' });
    await clock.pass(2_000);
    expect(all.every((flags) => flags.boolean('checkout-v2', false))).toBe(true);
  });

  test('[B23] a bootstrap is for the context that it names, and kept values go before it where they are newer', async () => {
    const { server, open, browser } = rig();
    const response = await server.fetch('http://flags.test/client/v1/evaluate', {
      body: JSON.stringify({ context: {} }),
    });
    const bootstrap = await response.json();
    server.isDown = true;
    const read = (named?: object) =>
      open(
        { bootstrap: named ? { ...bootstrap, contextHash: contextHash(named) } : bootstrap },
        browser.tab(server.fetch).platform,
      ).boolean('checkout-v2', false);
    expect(read()).toBe(true);
    expect(read({ targetingKey: 'ada' })).toBe(true);
    expect(read({ targetingKey: 'bob' })).toBe(false);
    server.isDown = false;
    server.commit([OFF]);
    const live = open({}, browser.tab(server.fetch).platform);
    await live.ready();
    live.close();
    server.isDown = true;
    expect(read()).toBe(false);
    expect(open({ bootstrap: { ...bootstrap, digest: 1 } as never }).boolean('checkout-v2', true)).toBe(
      false,
    );
  });
});
