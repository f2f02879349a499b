import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { createTestDatabase, postgresMissing, type TestDatabase } from '../contract/postgres-database.ts';
import type { ServerProcess } from '../faults/server-process.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { openEvents, startFleet } from './fleet.ts';

const STREAMS = 120;
const AGE_MS = 4_000;

/** A reader that comes back when it is told to. */
interface Reader {
  stop(): void;
}

describe.skipIf(postgresMissing !== undefined)(`streams of several servers ${postgresMissing ?? ''}`, () => {
  let database: TestDatabase | undefined;
  let balancer: Balancer | undefined;
  const servers: ServerProcess[] = [];
  const readers: Reader[] = [];
  afterEach(async () => {
    for (const reader of readers) reader.stop();
    await Promise.all(servers.map((server) => server.end('SIGKILL')));
    await balancer?.close();
  });
  afterAll(() => database?.drop());

  test('[M31] a server that is added has its share within one age, and streams never end together (DRN-8)', async () => {
    database = await createTestDatabase();
    const settings = Array.from({ length: 3 }, () => ({ DIMMER_STREAM_AGE_MS: String(AGE_MS) }));
    servers.push(
      ...(await startFleet(
        Array.from({ length: 3 }, () => database?.url ?? ''),
        settings,
      )),
    );
    const [one, two, three] = servers;
    if (one === undefined || two === undefined || three === undefined)
      throw new Error('there are no three servers');
    balancer = await startBalancer([one.port, two.port]);
    const endings: number[] = [];
    const target = { url: balancer.url, serverKey: one.serverKey };
    for (let index = 0; index < STREAMS; index += 1) readers.push(startReader(target, endings));
    await vi.waitFor(
      async () => expect((await streamsOf(one)) + (await streamsOf(two))).toBeGreaterThan(STREAMS / 2),
      WAIT,
    );
    expect(await streamsOf(three)).toBe(0);
    const addedAt = performance.now();
    balancer.add(three.port);
    await sleep(AGE_MS);
    await vi.waitFor(async () => {
      const counts = await Promise.all(servers.map(streamsOf));
      // Some are on their way from one to another at any moment, and on a busy machine more.
      const open = counts.reduce((sum, count) => sum + count, 0);
      expect(open).toBeGreaterThan(STREAMS / 2);
      const share = open / servers.length;
      for (const count of counts) expect(Math.abs(count - share)).toBeLessThanOrEqual(share / 5);
    }, WAIT);
    const seconds = new Map<number, number>();
    const watched = endings.filter((at) => at >= addedAt);
    for (const at of watched) {
      const second = Math.floor((at - addedAt) / 1_000);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
    }
    const mean = watched.length / Math.max(1, seconds.size);
    expect(Math.max(...seconds.values())).toBeLessThanOrEqual(3 * mean);
  }, 240_000);
});

const WAIT = { timeout: 40_000, interval: 100 };

async function streamsOf({ url }: ServerProcess): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith('dimmer_streams{'));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

function startReader(
  target: { readonly url: string; readonly serverKey: string },
  endings: number[],
): Reader {
  let isStopped = false;
  let stop = (): void => {};
  const read = async (): Promise<void> => {
    while (!isStopped) {
      const opened = await openEvents(target).catch(() => undefined);
      stop = () => opened?.stop();
      while (opened?.isOpen() === true && !isStopped) await sleep(20);
      endings.push(performance.now());
      opened?.stop();
      await sleep(50 + Math.random() * 200);
    }
    stop();
  };
  void read();
  return {
    stop: () => {
      isStopped = true;
      stop();
    },
  };
}
