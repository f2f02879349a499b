import type { ReportInput } from '@dimmer/schema/rest';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { ManualSchedule, settle } from '../delivery/manual-schedule.fixture.ts';
import { SERVER_SILENT_AFTER_MS } from '../storage/instance-store.ts';
import { MemoryInstances } from '../storage/memory/memory-instances.ts';
import { StorageFault } from '../storage/storage.ts';
import { InstanceExchange } from './instance-exchange.ts';
import { InstanceRegistry } from './instance-registry.ts';

const HERE = { project: 'shop', environment: 'production' };

/** Servers over one store, on a time that the test lets pass. */
function setUp(...names: readonly string[]) {
  const time = new ManualSchedule();
  const memory = new MemoryInstances(time);
  const world = { writes: 0, isDown: false };
  const store = new Proxy(memory, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      return async (...args: unknown[]) => {
        if (world.isDown) throw new StorageFault('unavailable', 'down');
        if (name === 'write') world.writes += 1;
        return method.apply(target, args);
      };
    },
  });
  const servers = names.map((server) => {
    const registry: InstanceRegistry = new InstanceRegistry(time, {
      onChanged: (...change) => shared.changed(...change),
    });
    const log = pino({ level: 'silent' });
    const shared = new InstanceExchange({ registry, store, server, clock: time, schedule: time, log });
    return { registry, shared, ids: () => shared.present(HERE).map(({ id }) => id) };
  });
  const pass = async (durationMs: number): Promise<void> => {
    for (let passed = 0; passed < durationMs; passed += 50) {
      time.pass(50);
      await settle();
    }
  };
  return { time, memory, world, servers, pass };
}

function report(id: string, state = 'LIVE', applied: readonly number[] = []): ReportInput {
  return {
    instance: { id, sdk: { name: 'node', version: '1' }, runningMs: 0 },
    status: { state, mode: 'stream', epoch: 'e', revision: 1, ageMs: 0, clockOffsetMs: null },
    applied: applied.map((revision) => ({ epoch: 'e', from: revision - 1, revision, agoMs: 0 })),
    problems: [],
  };
}

test('[M20] every server tells of the instances of all', async () => {
  const { servers, pass } = setUp('a', 'b', 'c');
  const [a, b, c] = servers;
  a?.registry.report(HERE, report('one'));
  b?.registry.report(HERE, report('two'));
  await pass(2_000);
  for (const server of [a, b, c]) expect(server?.ids()).toEqual(['one', 'two']);
});

test('[M20] what an instance has applied is known to all within half a second', async () => {
  const { servers, pass } = setUp('a', 'b');
  const [a, b] = servers;
  a?.registry.report(HERE, report('one', 'LIVE', [7]));
  await pass(500);
  expect(b?.shared.present(HERE)[0]?.applied.map(({ revision }) => revision)).toEqual([7]);
});

test('[M20] a thousand that register within a second cost some ten writes', async () => {
  const { servers, pass, world } = setUp('a', 'b');
  const [a, b] = servers;
  await pass(1_000);
  world.writes = 0;
  for (let group = 0; group < 10; group += 1) {
    for (let n = 0; n < 100; n += 1) a?.registry.report(HERE, report(`i-${group}-${n}`, 'LIVE', [1]));
    await pass(100);
  }
  expect(world.writes).toBeLessThan(15);
  await pass(1_000);
  expect(b?.ids()).toHaveLength(1_000);
});

test('[M21] an instance that moved is one, and one that said farewell is none, whatever others still think', async () => {
  const { servers, pass } = setUp('a', 'b', 'c');
  const [a, b, c] = servers;
  const ended = a?.registry.connected(HERE, 'one');
  a?.registry.report(HERE, report('one', 'LIVE', [1]));
  await pass(1_500);
  ended?.();
  b?.registry.connected(HERE, 'one');
  b?.registry.report(HERE, report('one', 'STALE', [2]));
  await pass(1_500);
  for (const server of [a, b, c]) {
    const [instance, ...others] = server?.shared.present(HERE) ?? [];
    expect(others).toEqual([]);
    expect(instance).toMatchObject({ streams: 1, status: { state: 'STALE' } });
    expect(instance?.applied.map(({ revision }) => revision)).toEqual([1, 2]);
  }
  b?.registry.report(HERE, report('one', 'CLOSED'));
  await pass(1_500);
  for (const server of [a, b, c]) expect(server?.ids()).toEqual([]);
});

test('[M22] the streams of a server that died do not count, and its instances stay for 90 s', async () => {
  const { servers, pass, memory, time } = setUp('a');
  const [a] = servers;
  const document = JSON.stringify({ streams: 1, heardAt: time.now() });
  await memory.write('dead', [{ ...HERE, id: 'one', document }]);
  await pass(1_000);
  expect(a?.shared.present(HERE)[0]?.streams).toBe(1);
  await pass(SERVER_SILENT_AFTER_MS);
  expect(a?.shared.present(HERE)[0]?.streams).toBe(0);
  await pass(80_000);
  expect(a?.ids()).toEqual([]);
});

test('[M22] a server that leaves has no streams from then on', async () => {
  const { servers, pass } = setUp('a', 'b');
  const [a, b] = servers;
  a?.registry.connected(HERE, 'one');
  await pass(1_500);
  expect(b?.shared.present(HERE)[0]?.streams).toBe(1);
  await a?.shared.close();
  await pass(500);
  expect(b?.shared.present(HERE)[0]?.streams).toBe(0);
});

test('[M23] without the database a server tells of its own and of what it was told; later everything is shared anew', async () => {
  const { servers, pass, world, memory } = setUp('a', 'b');
  const [a, b] = servers;
  a?.registry.connected(HERE, 'one');
  b?.registry.connected(HERE, 'two');
  await pass(2_000);
  world.isDown = true;
  a?.registry.connected(HERE, 'three');
  await pass(5_000);
  expect(a?.ids()).toEqual(['one', 'three', 'two']);
  expect(b?.ids()).toEqual(['one', 'two']);
  // A crash may have emptied the table.
  Object.assign(memory, { read: emptyOnce(memory) });
  world.isDown = false;
  await pass(3_000);
  for (const server of [a, b]) expect(server?.ids()).toEqual(['one', 'three', 'two']);
});

function emptyOnce(memory: MemoryInstances): MemoryInstances['read'] {
  const read = memory.read.bind(memory);
  let isFirst = true;
  return async (...args) => {
    const news = await read(...args);
    const instances = isFirst ? [] : news.instances;
    isFirst = false;
    return { ...news, instances };
  };
}
