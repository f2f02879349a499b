import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, test, vi } from 'vitest';
import type { EnvironmentRef } from '../environments/environment.ts';
import { StorageFault } from '../storage/storage.ts';
import { ChangeLog, ENVIRONMENT, put } from './change-log.fixture.ts';
import { createDelivery, TICK_MS } from './delivery.ts';
import { DELIVERY_SETTINGS } from './delivery-server.fixture.ts';
import { UNUSED_MS_MAX } from './followed-environments.ts';
import { ManualSchedule, settle } from './manual-schedule.fixture.ts';
import { LOADS_AT_ONCE_MAX } from './preload.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What a test or an optimizing compiler still holds is let go some turns later. */
const WITHIN = { timeout: 20_000 };
const AWAY = new StorageFault('unavailable', 'gone');

/** What keys open; while there is a fault, nobody can say. */
interface Needed {
  readonly names: string[];
  fault: Error | undefined;
}

/** A delivery over a change log, with keys that open the environments of these names. */
function setUp(opened: readonly string[], prepare: (log: ChangeLog, needed: Needed) => void = () => {}) {
  const log = new ChangeLog();
  for (const name of opened) log.names.add(name);
  const needed: Needed = { names: [...opened], fault: undefined };
  prepare(log, needed);
  const time = new ManualSchedule();
  const metrics = new Registry();
  const lines: { readonly level: number; readonly msg: string }[] = [];
  const delivery = createDelivery({
    storage: log,
    clock: time,
    schedule: time,
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
    metrics,
    ...DELIVERY_SETTINGS,
    needed: async () => {
      if (needed.fault !== undefined) throw needed.fault;
      return needed.names.map(place);
    },
  });
  const missing = async (): Promise<number> =>
    Number(/^dimmer_environments_missing (\d+)$/m.exec(await metrics.metrics())?.[1]);
  /** Time as a running process sees it: what a second has begun ends before the next. */
  const passSeconds = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      time.pass(TICK_MS);
      await settled();
    }
  };
  return { log, time, needed, delivery, lines, missing, passSeconds };
}

function place(environment: string): EnvironmentRef {
  return { ...ENVIRONMENT, environment };
}

/** Loads take turns of the event loop. */
async function settled(turns = 40): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await settle();
}

function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `preview-${index}`);
}

test('[M32] ready once every environment is loaded that SDKs may ask for, and says how far it is (REP-5)', async () => {
  let release = (): void => {};
  const { log, delivery, missing } = setUp(numbered(3), (fresh) => {
    fresh.commit(put('a'));
    const opened = new Promise<void>((resolve) => {
      release = resolve;
    });
    fresh.beforeLoad = () => opened;
  });
  await settled();
  expect(delivery.ready()).toBe(false);
  expect(delivery.lacks()).toBe('The server loads what SDKs may ask for: 0 of 3 environments are there.');
  expect(await missing()).toBe(3);
  release();
  await settled();
  expect(delivery.ready()).toBe(true);
  expect(await missing()).toBe(0);
  log.fault = AWAY;
  for (const name of numbered(3)) expect((await delivery.snapshot(place(name)))?.cursor).toBe('first:1');
  await expect(delivery.snapshot(ENVIRONMENT)).rejects.toThrow('gone');
});

test('[M32] not ready before it is known what SDKs may ask for, also where nothing is (REP-5)', async () => {
  const { needed, delivery, lines, passSeconds } = setUp([], (_, unknown) => {
    unknown.fault = AWAY;
  });
  await passSeconds(3);
  expect(delivery.lacks()).toBe('The server does not know yet which environments SDKs may ask for.');
  expect(lines.map(({ msg }) => msg)).toEqual(['it is not known which environments SDKs may ask for']);
  needed.fault = undefined;
  await passSeconds(1);
  expect(delivery.ready()).toBe(true);
});

test('[M32] a database that fails in the middle is asked again each second, and logged once', async () => {
  const { log, delivery, lines, passSeconds } = setUp(numbered(20), (fresh) => {
    fresh.beforeLoad = () => {
      if (fresh.reads.snapshot > 5) fresh.fault = AWAY;
      return undefined;
    };
  });
  await settled();
  await passSeconds(5);
  expect(delivery.lacks()).toBe('The server loads what SDKs may ask for: 5 of 20 environments are there.');
  log.beforeLoad = () => undefined;
  log.fault = undefined;
  await passSeconds(1);
  expect(delivery.ready()).toBe(true);
  const told = lines.filter(({ msg }) => msg.startsWith('the change feed'));
  expect(told.map(({ msg }) => msg)).toEqual([
    'the change feed cannot follow the database',
    'the change feed follows the database again',
  ]);
});

test('[M33] what is needed later is loaded within two seconds, and readiness does not wait for it', async () => {
  const { log, needed, delivery, passSeconds } = setUp(['production']);
  await settled();
  log.names.add('later');
  log.commit(put('a'));
  needed.names.push('later');
  await passSeconds(1);
  log.fault = AWAY;
  await passSeconds(60);
  expect(delivery.ready()).toBe(true);
  expect((await delivery.snapshot(place('later')))?.cursor).toBe('first:1');
});

test('[M33] what nobody ever asked for is followed like everything else', async () => {
  const { log, delivery, passSeconds } = setUp(['production']);
  await settled();
  log.announces = false;
  log.commit(put('a'));
  await passSeconds(1);
  log.fault = AWAY;
  expect((await delivery.snapshot(ENVIRONMENT))?.cursor).toBe('first:1');
});

test('[M34] environments that rest cost one question a second together, and a lost hint is found all the same', async () => {
  const { log, delivery, passSeconds } = setUp(numbered(200));
  await settled(500);
  expect(delivery.ready()).toBe(true);
  log.reads = { environments: 0, snapshot: 0, changesAfter: 0 };
  await passSeconds(10);
  expect(log.reads).toEqual({ environments: 10, snapshot: 0, changesAfter: 0 });
  log.announces = false;
  log.commit(put('a'));
  await passSeconds(1);
  expect(delivery.known(place('preview-199'))?.revision).toBe(1);
});

test('[M34] few environments are read at the same time, at the start and after an outage, and none of them counts as stuck', async () => {
  let [running, most] = [0, 0];
  const { log, delivery, passSeconds } = setUp(numbered(30), (fresh) => {
    fresh.beforeLoad = async () => {
      running += 1;
      most = Math.max(most, running);
      await settle();
      running -= 1;
    };
  });
  await settled(200);
  expect([delivery.ready(), most]).toEqual([true, LOADS_AT_ONCE_MAX]);
  log.fault = AWAY;
  await passSeconds(60);
  log.fault = undefined;
  let release = (): void => {};
  const gate = { open: new Promise<void>((resolve) => (release = resolve)) };
  log.beforeLoad = () => gate.open;
  // One pair each two seconds: the last are read half a minute after the database is back.
  for (let second = 0; second < 30; second += 1) {
    await passSeconds(1);
    expect(delivery.ready()).toBe(true);
    if (second % 2 === 0) continue;
    release();
    gate.open = new Promise<void>((resolve) => (release = resolve));
  }
});

test('[M35] an environment that is damaged keeps nobody from the others, and is asked for until it is mended', async () => {
  const { log, delivery, lines, missing, passSeconds } = setUp(['production', 'spoilt'], (fresh) => {
    fresh.faults.set('spoilt', new StorageFault('damaged', 'a page cannot be read'));
  });
  await passSeconds(5);
  expect(delivery.ready()).toBe(true);
  expect(await missing()).toBe(1);
  await expect(delivery.snapshot(place('spoilt'))).rejects.toThrow('a page cannot be read');
  expect(lines.filter(({ level }) => level >= 50)).toHaveLength(1);
  log.faults.clear();
  await passSeconds(1);
  expect(await missing()).toBe(0);
});

test('[M35] an environment that the server cannot read for a reason of its own keeps it from being ready (REP-5)', async () => {
  const { log, delivery, lines, passSeconds } = setUp(['production', 'spoilt'], (fresh) => {
    fresh.faults.set('spoilt', new TypeError('a row that nobody understands'));
  });
  await passSeconds(5);
  expect(delivery.lacks()).toBe('The server cannot follow the database, which answers.');
  expect(lines.filter(({ level }) => level >= 50)).toHaveLength(1);
  log.faults.clear();
  await passSeconds(2);
  expect(delivery.ready()).toBe(true);
});

test('[M35] a key whose environment does not exist holds nothing up, costs no question and is not logged', async () => {
  const { log, needed, delivery, lines, passSeconds } = setUp(['production']);
  needed.names.push('deleted');
  await passSeconds(5);
  expect(delivery.ready()).toBe(true);
  expect([log.reads.snapshot, lines]).toEqual([1, []]);
});

const UNUSED_SECONDS = UNUSED_MS_MAX / TICK_MS;

/** Lets as many seconds pass as make an environment unused, in big steps: each has one look. */
async function passUnused(
  { time, passSeconds }: ReturnType<typeof setUp>,
  ms = UNUSED_MS_MAX,
): Promise<void> {
  await passSeconds(1);
  time.pause(ms - TICK_MS);
  await passSeconds(2);
}

test('[M37] an environment that no key opens any more is let go, with all its memory, and followed no longer', async () => {
  const world = setUp(['production', 'old']);
  const { log, needed, delivery, passSeconds } = world;
  log.commit(put('a'));
  await passSeconds(1);
  const ruleset = new WeakRef(delivery.known(place('old'))?.ruleset ?? {});
  needed.names.splice(1);
  await passSeconds(UNUSED_SECONDS - 2);
  expect(delivery.known(place('old'))?.revision).toBe(1);
  await passSeconds(4);
  expect(namesOf(delivery)).toEqual(['production']);
  log.reads = { environments: 0, snapshot: 0, changesAfter: 0 };
  log.announces = false;
  log.commit(put('a'));
  await passSeconds(10);
  expect(log.reads).toEqual({ environments: 10, snapshot: 0, changesAfter: 1 });
  await vi.waitFor(() => {
    collectGarbage();
    // A failed comparison would hold what it compared.
    expect(ruleset.deref() === undefined).toBe(true);
  }, WITHIN);
});

test('[M37] what was let go is loaded again when it is asked for, or when a key opens it', async () => {
  const world = setUp(['production', 'old', 'older']);
  const { log, needed, delivery, passSeconds } = world;
  await passSeconds(1);
  needed.names.splice(1);
  await passUnused(world);
  expect(namesOf(delivery)).toEqual(['production']);
  log.commit(put('a'));
  expect((await delivery.snapshot(place('old')))?.cursor).toBe('first:1');
  needed.names.push('older');
  await passSeconds(2);
  log.fault = AWAY;
  expect((await delivery.snapshot(place('older')))?.cursor).toBe('first:1');
});

test('[M37] what somebody reads is kept, and so is what a stream tells of', async () => {
  const world = setUp(['production', 'read', 'streamed']);
  const { needed, delivery, passSeconds } = world;
  await passSeconds(1);
  needed.names.splice(1);
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  await delivery.openStream(place('streamed'), { response, cursor: undefined, keyId: 'key-1', headers: {} });
  for (let half = 0; half < 4; half += 1) {
    await passUnused(world, UNUSED_MS_MAX / 2);
    await delivery.ruleset(place('read'), 0);
  }
  expect(namesOf(delivery)).toEqual(['production', 'read', 'streamed']);
  response.destroy();
  response.emit('close');
  await passUnused(world);
  await passUnused(world);
  expect(namesOf(delivery)).toEqual(['production']);
});

test('[M37] nothing is let go while the database is away, nor while it is not known what keys open', async () => {
  const world = setUp(['production', 'old']);
  const { log, needed, delivery, passSeconds } = world;
  await passSeconds(1);
  needed.names.splice(1);
  log.fault = AWAY;
  await passUnused(world);
  await passUnused(world);
  expect(namesOf(delivery)).toEqual(['old', 'production']);
  log.fault = undefined;
  needed.fault = AWAY;
  await passUnused(world);
  await passUnused(world);
  expect(namesOf(delivery)).toEqual(['old', 'production']);
  needed.fault = undefined;
  await passSeconds(1);
  expect(namesOf(delivery)).toEqual(['production']);
});

function namesOf(delivery: ReturnType<typeof createDelivery>): readonly string[] {
  return [...delivery.environments()].map(({ environment }) => environment.environment).sort();
}
