import { isFlagDefinition } from '@dimmer/schema';
import { afterEach, expect, test, vi } from 'vitest';
import { StorageFault } from '../storage/storage.ts';
import { ENVIRONMENT, put, putLong, remove } from './change-log.fixture.ts';
import type { DeliveryServer, OpenStream } from './delivery-server.fixture.ts';
import { openStream, StalledPeer, startDelivery } from './delivery-server.fixture.ts';
import { Reader } from './reader.fixture.ts';
import type { HeldFlags, Holder } from './shown-copy.ts';

/** Holds what a test says. */
class TestHolder implements Holder {
  #flags: HeldFlags | undefined;
  #tell = (): void => {};
  #words = 0;

  heldOver(): HeldFlags | undefined {
    return this.#flags;
  }

  onChange(listener: (environment: typeof ENVIRONMENT) => void): () => void {
    this.#tell = () => listener(ENVIRONMENT);
    return () => {};
  }

  hold(...keys: readonly string[]): void {
    this.#words += 1;
    this.#flags = keys.length === 0 ? undefined : { epoch: `held${this.#words}`, flags: new Set(keys) };
    this.#tell();
  }
}

let holder: TestHolder;
let server: DeliveryServer;
afterEach(() => server.stop());

async function start(): Promise<void> {
  holder = new TestHolder();
  server = await startDelivery(ENVIRONMENT, { holder });
}

async function follow(since?: string, reader = new Reader()): Promise<OpenStream> {
  reader.mayCross = true;
  const stream = await openStream(server, { reader, ...(since !== undefined && { since }) });
  await until(() => expect(reader.cursor).toBeDefined());
  return stream;
}

function until(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 20_000, interval: 5 });
}

function killed({ objects }: Reader): readonly string[] {
  return [...objects.values()].flatMap((object) =>
    isFlagDefinition(object) && object.killed === true ? [object.key] : [],
  );
}

test('[BG6, BG8] a held kill takes open streams to another epoch with what differs alone, and marks it as a kill', async () => {
  await start();
  server.log.commit(put('a', 'b', 'c'));
  const { reader } = await follow();
  const count = reader.messages.length;
  holder.hold('b');
  await until(() => expect(killed(reader)).toEqual(['b']));
  expect(reader.messages.slice(count)).toMatchObject([
    { type: 'hello', epoch: 'held1first', revision: 1, mode: 'delta' },
    { type: 'put', object: { key: 'b', killed: true } },
    { type: 'commit', revision: 1, kill: true },
  ]);
  holder.hold();
  await until(() => expect(reader.cursor).toEqual({ epoch: 'first', revision: 1 }));
  expect(killed(reader)).toEqual([]);
  expect(reader.messages.at(-1)).not.toHaveProperty('kill');
});

test('[BG6] who comes later has it too: streams with and without a cursor, and the snapshot', async () => {
  await start();
  server.log.commit(put('a'));
  const { reader, stop } = await follow();
  holder.hold('a');
  await until(() => expect(killed(reader)).toEqual(['a']));
  stop();
  const again = await follow('held1first:1', reader);
  await until(() => expect(again.reader.messages.at(-1)).toMatchObject({ type: 'hello', mode: 'none' }));
  const fromBefore = await follow('first:1');
  expect(killed(fromBefore.reader)).toEqual(['a']);
  const snapshot = await fetch(`${server.url}/snapshot`);
  expect(snapshot.headers.get('etag')).toBe('"held1first:1"');
  expect(await snapshot.json()).toMatchObject({ objects: [{ key: 'a', killed: true }] });
});

test('[BG9] what the database brings is shown below what is held, and the way back skips nothing', async () => {
  await start();
  server.log.commit(put('a', 'b'));
  const { reader } = await follow();
  holder.hold('a');
  server.log.commit(put('a', 'c'));
  await until(() => expect(reader.cursor).toEqual({ epoch: 'held1first', revision: 2 }));
  expect([killed(reader), reader.objects.size]).toEqual([['a'], 3]);
  server.log.commit(remove('b'));
  await until(() => expect(reader.cursor?.revision).toBe(3));
  holder.hold('a', 'c');
  await until(() => expect(killed(reader)).toEqual(['a', 'c']));
  server.log.commit({ ...put('d'), kill: true });
  await until(() => expect(reader.cursor).toEqual({ epoch: 'held2first', revision: 4 }));
  holder.hold();
  await until(() => expect(reader.cursor).toEqual({ epoch: 'first', revision: 4 }));
  expect([killed(reader), [...reader.objects.keys()].sort()]).toEqual([[], ['flag/a', 'flag/c', 'flag/d']]);
});

test('[BG6] while the database is away nothing but the kill is told, and heartbeats fit it', async () => {
  await start();
  server.log.commit(put('a'));
  const { reader } = await follow();
  server.log.fault = new StorageFault('unavailable', 'The database is away.');
  server.time.pass(5_000);
  holder.hold('a');
  await until(() => expect(killed(reader)).toEqual(['a']));
  server.time.pass(20_000);
  await until(() => expect(reader.types.at(-1)).toBe('heartbeat'));
  expect(reader.types.filter((type) => type === 'hello' || type === 'goodbye')).toEqual(['hello', 'hello']);
});

test('[BG9] another history ends streams, and what is held lies over that one', async () => {
  await start();
  server.log.commit(put('a'));
  const first = await follow();
  holder.hold('a');
  await until(() => expect(killed(first.reader)).toEqual(['a']));
  server.log.restore('second', [put('a', 'b')]);
  server.log.fault = new StorageFault('unavailable', 'The database is away.');
  server.time.pass(1_000);
  await until(() => expect(server.log.reads.environments).toBeGreaterThan(0));
  server.log.fault = undefined;
  server.time.pass(1_000);
  await first.ended;
  expect(first.reader.messages.at(-1)).toMatchObject({ type: 'goodbye', reason: 'rebalancing' });
  const again = await follow('held1first:1');
  expect([again.reader.cursor, killed(again.reader)]).toEqual([{ epoch: 'held1second', revision: 1 }, ['a']]);
});

test('[BG8] a stream that was behind gets everything in the epoch that it missed the way to', async () => {
  await start();
  server.log.commit(put('a', 'b'));
  const { reader } = await follow();
  const peer = new StalledPeer(server);
  await until(() => expect(server.delivery.streams()).toBe(2));
  server.log.commit(putLong('c', 8_000_000));
  await until(() => expect(reader.cursor?.revision).toBe(2));
  server.log.commit(put('d'));
  await until(() => expect(reader.cursor?.revision).toBe(3));
  holder.hold('a');
  holder.hold('a', 'd');
  await until(() => expect(killed(reader)).toEqual(['a', 'd']));
  peer.resume();
  await until(() => expect(peer.read({ mayCross: true }).cursor?.epoch).toBe('held2first'));
  const late = peer.read({ mayCross: true });
  expect([killed(late), late.objects.size]).toEqual([['a', 'd'], 4]);
  expect(late.messages.filter(({ type }) => type === 'hello')).toMatchObject([
    { mode: 'full', epoch: 'first' },
    { mode: 'full', epoch: 'held2first' },
  ]);
  peer.stop();
});

test('[BG8] a stream that missed the way there and back gets nothing', async () => {
  await start();
  server.log.commit(put('a'));
  const { reader } = await follow();
  const count = reader.messages.length;
  holder.hold('a');
  holder.hold();
  server.log.commit(put('b'));
  await until(() => expect(reader.cursor).toEqual({ epoch: 'first', revision: 2 }));
  expect(reader.types.slice(count)).toEqual(['put', 'commit']);
});
