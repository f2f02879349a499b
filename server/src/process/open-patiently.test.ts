import { randomInt } from 'node:crypto';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { systemSchedule } from '../platform/schedule.ts';
import { MemoryStorage } from '../storage/memory/memory-storage.ts';
import { StorageFault } from '../storage/storage.ts';
import { openPatiently } from './open-patiently.ts';

/** Below those that the system gives to outgoing connections, which another test may open at any moment. */
const PORTS = [12_000, 31_000] as const;

function setUp() {
  const settings = { host: '127.0.0.1', port: randomInt(...PORTS) };
  const isPassing = (cause: unknown): boolean => cause instanceof StorageFault;
  return {
    url: `http://127.0.0.1:${settings.port}`,
    parts: {
      settings,
      isPassing,
      newId: () => 'request-1',
      schedule: systemSchedule,
      log: pino({ level: 'silent' }),
    },
  };
}

test('[M30] a server without its database lives, is not ready, and starts when the database is there (REP-5)', async () => {
  const { url, parts } = setUp();
  const storage = new MemoryStorage({ clock: Date });
  let isUp = false;
  const opening = openPatiently(async () => {
    if (!isUp) throw new StorageFault('unavailable', 'nobody there');
    return storage;
  }, parts);
  const status = async (path: string): Promise<number> => (await fetch(`${url}${path}`)).status;
  await vi.waitFor(async () => expect(await status('/livez')).toBe(200), { timeout: 20_000 });
  const ready = await fetch(`${url}/readyz`);
  expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '1']);
  // A command that kills meanwhile can tell from it that nothing has arrived.
  expect([ready.headers.get('content-type'), await ready.json()]).toEqual([
    'application/problem+json',
    expect.objectContaining({
      code: 'UNAVAILABLE',
      detail: expect.stringContaining('waits for its database'),
      instance: 'request-1',
    }),
  ]);
  expect(await status('/sdk/v1/snapshot')).toBe(503);
  isUp = true;
  expect(await opening).toBe(storage);
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
});

test('[M30] the log says at once why it waits, when that is another reason, and not each second', async () => {
  const { parts } = setUp();
  const lines: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => void lines.push(line) });
  const reasons = ['nobody there', 'nobody there', 'a standby', 'a standby'];
  const open = async (): Promise<MemoryStorage> => {
    const reason = reasons.shift();
    if (reason !== undefined) throw new StorageFault('unavailable', reason);
    return new MemoryStorage({ clock: Date });
  };
  const schedule = { ...systemSchedule, after: (_: number, run: () => void) => systemSchedule.after(1, run) };
  await openPatiently(open, { ...parts, log, schedule });
  expect(lines.map((line) => /nobody there|a standby/.exec(line)?.[0])).toEqual([
    'nobody there',
    'a standby',
  ]);
});

test('[M30] what a person has to correct ends the start at once', async () => {
  const { parts } = setUp();
  const wrong = new Error('the password is wrong');
  await expect(openPatiently(() => Promise.reject(wrong), parts)).rejects.toBe(wrong);
});
