import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { settle, TestBrowser, type TestTab } from './browser.fixture.ts';
import { Dimmer } from './dimmer.ts';
import { flagValue, ValueServer } from './value-server.fixture.ts';

const KEY = `dim_cli_${'Client'.repeat(6)}`;
const HEARTBEAT_MS = 15_000;
const valuesAt = (revision: number) => [flagValue('at', revision), flagValue('fixed', 'x')];

const opened: Dimmer[] = [];
afterEach(() => {
  for (const flags of opened.splice(0)) flags.close();
});

interface OpenTab {
  readonly flags: Dimmer;
  readonly tab: TestTab;
}

class Rig {
  readonly server = new ValueServer(valuesAt(1));
  readonly browser = new TestBrowser();
  readonly tabs: OpenTab[] = [];
  /** The most streams that were ever open at once. */
  streamsMax = 0;

  constructor() {
    const { fetch } = this.server;
    (this.server as { fetch: typeof fetch }).fetch = async (...args) => {
      const response = await fetch(...args);
      this.streamsMax = Math.max(this.streamsMax, this.server.streams.size);
      return response;
    };
  }

  open(context = { targetingKey: 'ada' }): OpenTab {
    const tab = this.browser.tab(this.server.fetch);
    const flags = new Dimmer({ url: '', key: KEY, context, persistence: false }, tab.platform);
    this.tabs.push({ flags, tab });
    opened.push(flags);
    return { flags, tab };
  }

  close(index: number): void {
    const [closed] = this.tabs.splice(index, 1);
    closed?.flags.close();
  }

  commit(): void {
    this.server.commit(valuesAt(this.server.revision + 1));
  }

  /** Lets time pass with a server that is alive. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left >= 0; left -= HEARTBEAT_MS) {
      await this.browser.clock.pass(Math.min(left, HEARTBEAT_MS));
      this.server.heartbeat();
    }
    await settle();
  }

  seen(): readonly unknown[] {
    return this.tabs.map(({ flags }) => flags.flags()['at']);
  }
}

describe('tabs', () => {
  test('[B40] eight tabs hold one stream, and all follow it', async () => {
    const rig = new Rig();
    for (let index = 0; index < 8; index += 1) rig.open();
    await rig.browser.clock.pass(3_000);
    expect(rig.server.streamRequests()).toHaveLength(1);
    expect(rig.tabs.map(({ flags }) => flags.status().state)).toEqual(Array(8).fill('LIVE'));
    rig.commit();
    await settle();
    expect(rig.seen()).toEqual(Array(8).fill(2));
    rig.server.heartbeat();
    rig.open();
    await rig.browser.clock.pass(20_000);
    rig.server.heartbeat();
    await rig.browser.clock.pass(40_000);
    rig.commit();
    await settle();
    expect(rig.seen()).toEqual(Array(9).fill(3));
    expect(rig.server.streamRequests()).toHaveLength(1);
  });

  test('[B40] a tab that asks before the leading one has values gets them when they are there', async () => {
    const rig = new Rig();
    rig.server.isSlow = true;
    rig.open();
    rig.open();
    await rig.browser.clock.pass(1_000);
    expect(rig.seen()).toEqual([undefined, undefined]);
    rig.server.release();
    await settle();
    expect(rig.seen()).toEqual([1, 1]);
  });

  test('[B42] a commit is passed on once, with what it changed', async () => {
    const rig = new Rig();
    rig.open();
    rig.open();
    await rig.browser.clock.pass(1_000);
    for (let count = 0; count < 3; count += 1) rig.commit();
    await settle();
    const passed = rig.browser.said.filter((message) => Array.isArray(message) && message[0] === 'events');
    expect(passed).toHaveLength(3);
    expect(passed.at(-1)).toEqual([
      'events',
      [
        ['put', expect.stringContaining('"at"')],
        ['commit', expect.any(String)],
      ],
    ]);
  });

  test('[BG4] a crossing to another epoch reaches every tab, and nobody asks anew', async () => {
    const rig = new Rig();
    for (let index = 0; index < 3; index += 1) rig.open();
    await rig.browser.clock.pass(3_000);
    rig.server.cross('held', valuesAt(7));
    await settle();
    expect(rig.seen()).toEqual([7, 7, 7]);
    rig.server.heartbeat();
    rig.server.cross('e1', valuesAt(8));
    await settle();
    expect(rig.seen()).toEqual([8, 8, 8]);
    expect(rig.tabs.map(({ flags }) => flags.status().epoch)).toEqual(['e1', 'e1', 'e1']);
    expect(rig.server.streamRequests()).toHaveLength(1);
  });

  test('[B40] tabs of different contexts do not meet', async () => {
    const rig = new Rig();
    rig.open();
    rig.open({ targetingKey: 'bob' });
    await rig.browser.clock.pass(1_000);
    expect([...rig.server.streams].map(({ who }) => who).sort()).toEqual(['ada', 'bob']);
  });

  test('[B41] when the leading tab is closed another one leads within five seconds', async () => {
    const rig = new Rig();
    for (let index = 0; index < 4; index += 1) rig.open();
    await rig.browser.clock.pass(3_000);
    rig.close(0);
    await rig.browser.clock.pass(5_000);
    rig.commit();
    await settle();
    expect(rig.seen()).toEqual([2, 2, 2]);
    expect(rig.server.streams.size).toBe(1);
    expect(rig.streamsMax).toBe(1);
    expect(rig.server.streamRequests().at(-1)?.body.since).toBe('e1:1');
  });

  test('[B41] a leading tab that sleeps lets another one lead', async () => {
    const rig = new Rig();
    const { tab } = rig.open();
    rig.open();
    await rig.browser.clock.pass(1_000);
    tab.happen('pagehide');
    await rig.browser.clock.pass(5_000);
    expect(rig.tabs.map(({ flags }) => flags.status().state)).toEqual(['STALE', 'LIVE']);
    tab.happen('pageshow');
    await rig.browser.clock.pass(1_000);
    expect(rig.tabs.map(({ flags }) => flags.status().state)).toEqual(['LIVE', 'LIVE']);
    expect(rig.server.streams.size).toBe(1);
  });

  test('[B41] a server that goes is found again by all tabs', async () => {
    const rig = new Rig();
    for (let index = 0; index < 3; index += 1) rig.open();
    await rig.browser.clock.pass(2_000);
    rig.server.isDown = true;
    rig.server.cut();
    await rig.browser.clock.pass(20_000);
    expect(rig.tabs.some(({ flags }) => flags.status().state === 'LIVE')).toBe(false);
    rig.server.isDown = false;
    rig.commit();
    await rig.pass(60_000);
    expect(rig.tabs.map(({ flags }) => flags.status().state)).toEqual(Array(3).fill('LIVE'));
    expect(rig.seen()).toEqual([2, 2, 2]);
  });

  test('[B42] whatever happens to tabs and server, one stream is open, and all end with the values of the server', async () => {
    const action = fc.oneof(
      fc.record({ type: fc.constantFrom('open', 'commit', 'cut', 'heartbeat' as const) }),
      fc.record({ type: fc.constantFrom('close', 'hide', 'return'), index: fc.nat(5) }),
      fc.record({ type: fc.constant('pass'), ms: fc.constantFrom(0, 10, 900, 5_000, 70_000) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        const rig = new Rig();
        rig.open();
        try {
          for (const step of actions) await perform(rig, step);
          if (rig.tabs.length === 0) rig.open();
          for (const { tab } of rig.tabs) tab.happen('pageshow');
          await rig.pass(120_000);
          rig.commit();
          await settle();
          const expected = Array(rig.tabs.length).fill(rig.server.revision);
          expect(rig.seen()).toEqual(expected);
          expect(rig.streamsMax).toBe(1);
        } finally {
          for (const { flags } of rig.tabs) flags.close();
        }
      }),
      { numRuns: 60 },
    );
  });

  test('[B43] without locks or channels every tab streams by itself', async () => {
    const server = new ValueServer(valuesAt(1));
    const browser = new TestBrowser();
    const refuse = () => Promise.reject(new DOMException('no', 'SecurityError'));
    const broken = (): never => {
      throw new DOMException('no', 'SecurityError');
    };
    const lacking = [
      { locks: () => undefined },
      { locks: broken },
      { locks: () => ({ request: refuse }) },
      { channel: broken },
    ];
    for (const part of lacking) {
      const platform = { ...browser.tab(server.fetch).platform, ...part };
      opened.push(new Dimmer({ url: '', key: KEY, context: { targetingKey: 'ada' } }, platform));
    }
    await browser.clock.pass(2_000);
    expect(opened.map((flags) => flags.status().state)).toEqual(Array(4).fill('LIVE'));
    expect(server.streams.size).toBe(4);
  });
});

async function perform(rig: Rig, step: { type: string; index?: number; ms?: number }): Promise<void> {
  const index = (step.index ?? 0) % Math.max(rig.tabs.length, 1);
  if (step.type === 'open' && rig.tabs.length < 5) rig.open();
  if (step.type === 'close') rig.close(index);
  if (step.type === 'hide') rig.tabs[index]?.tab.happen('pagehide');
  if (step.type === 'return') rig.tabs[index]?.tab.happen('pageshow');
  if (step.type === 'commit') rig.commit();
  if (step.type === 'cut') rig.server.cut();
  if (step.type === 'heartbeat') rig.server.heartbeat();
  if (step.type === 'pass') await rig.pass(step.ms ?? 0);
}
