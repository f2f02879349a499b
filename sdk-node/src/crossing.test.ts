import { afterEach, expect, test, vi } from 'vitest';
import { Dimmer } from './client.ts';
import type { StreamServer } from './stream-server.fixture.ts';
import { fixedFlag, streamServer } from './stream-server.fixture.ts';

const key = `dim_srv_${'a'.repeat(32)}`;
const user = { targetingKey: 'user-1' };
const on = fixedFlag('a', 1, true);
const other = fixedFlag('b', 1, 'blue');

let server: StreamServer;
let flags: Dimmer;
afterEach(async () => {
  await flags.close();
  await server.close();
});

function until(expectation: () => void): Promise<void> {
  return vi.waitFor(expectation, { timeout: 20_000, interval: 5 });
}

test('[BG3] a kill that comes with a crossing to another epoch aborts scopes, is served and is reported at once', async () => {
  server = await streamServer((stream) => stream.full(1, [on, other]));
  flags = new Dimmer({ url: server.url, key, cache: false });
  await flags.ready();
  const scope = flags.scope(user);
  expect(scope.boolean('a', false)).toBe(true);
  const { signal } = scope;
  await until(() => expect(server.reports.length).toBeGreaterThan(0));
  const killed = { ...on, killed: true } as const;
  for (const stream of server.open) {
    stream.hello('delta', 1, { epoch: 'held' }).commit(1, [killed], [killed, other], true);
  }
  await until(() => expect(flags.status().epoch).toBe('held'));
  expect(signal.aborted).toBe(true);
  expect([flags.boolean('a', user, true), flags.string('b', user, '')]).toEqual([false, 'blue']);
  await until(() =>
    expect(server.reports.at(-1)?.report.status).toMatchObject({ epoch: 'held', revision: 1 }),
  );
  expect(server.requests).toHaveLength(1);
});
