import { Dimmer } from '@dimmer/node';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import type { FailingStorage } from './failing-storage.ts';
import { failingStorage } from './failing-storage.ts';
import type { RelayHarness } from './relay-harness.ts';
import { openRelay } from './relay-harness.ts';
import { ADMIN, PRODUCTION, SERVER } from './rest-harness.ts';

const FLAG = `${PRODUCTION}/flags/checkout-v2`;
const HELD = `${PRODUCTION}/held-kills`;
const user = { targetingKey: 'user-1' };
const WITHIN = { timeout: 40_000, interval: 20 };

let upstream: ClientHarness;
let storage: FailingStorage;
let relay: RelayHarness;
const followers: Dimmer[] = [];

beforeEach(async () => {
  upstream = await openClient({ DIMMER_HEARTBEAT_MS: '1000' }, (database) => {
    storage = failingStorage(database);
    return storage;
  });
  await upstream.flag('checkout-v2');
  await upstream.flag('search');
  relay = await openRelay({
    upstream: upstream.server.url,
    environment: { DIMMER_RELAY_BREAK_GLASS_KEY: ADMIN },
  });
  await relay.until({ upstream: 'LIVE' });
});

afterEach(async () => {
  storage.fault = undefined;
  for (const flags of followers.splice(0)) await flags.close();
  await relay.close();
  await upstream.close();
});

/** A program behind the relay, and everything that it served of the flag, without repetitions. */
async function follower(): Promise<{ readonly flags: Dimmer; readonly served: boolean[] }> {
  const flags = new Dimmer({ url: relay.url, key: SERVER, cache: false });
  followers.push(flags);
  const served: boolean[] = [];
  const note = (): void => {
    if (served.at(-1) !== isOn(flags)) served.push(isOn(flags));
  };
  flags.onChange('checkout-v2', note);
  await flags.ready({ timeoutMs: 40_000 });
  note();
  return { flags, served };
}

const isOn = (flags: Dimmer): boolean => flags.boolean('checkout-v2', user, true);

function kill(fields: object = {}, key = ADMIN): Promise<Response> {
  const body = { flags: ['checkout-v2'], reason: 'payments fail', breakGlass: true, ...fields };
  return relay.ask(`${PRODUCTION}/kill`, { method: 'POST', key, body });
}

async function held(): Promise<readonly unknown[]> {
  const answer = await relay.ask(HELD, { key: ADMIN });
  return ((await answer.json()) as { readonly items: readonly unknown[] }).items;
}

const untilSettled = (): Promise<void> => vi.waitFor(async () => expect(await held()).toEqual([]), WITHIN);

async function stored(): Promise<{ readonly kill: unknown }> {
  return (await upstream.admin(`GET ${FLAG}`)) as { readonly kill: unknown };
}

test('[BG18] one key breaks the glass at a relay, for kills and nothing else', async () => {
  const other = `dim_adm_${'x'.repeat(32)}`;
  expect((await kill({}, other)).status).toBe(401);
  expect((await kill({}, SERVER)).status).toBe(401);
  expect((await relay.ask(HELD, { key: other })).status).toBe(401);
  expect(await (await kill({ breakGlass: false })).json()).toMatchObject({
    code: 'RULE_VIOLATED',
    issues: [{ path: '$.breakGlass' }],
  });
  expect((await relay.ask(FLAG, { key: ADMIN })).status).toBe(404);
  const closed = await openRelay({ upstream: upstream.server.url });
  const refused = await closed.ask(`${PRODUCTION}/kill`, {
    method: 'POST',
    key: ADMIN,
    body: { breakGlass: true },
  });
  expect([refused.status, await refused.json()]).toEqual([
    404,
    expect.objectContaining({ code: 'ROUTE_NOT_FOUND' }),
  ]);
  await closed.close();
});

test('[BG18, BG23] the upstream is asked first: what it commits or refuses is what counts', async () => {
  const { flags } = await follower();
  const committed = await kill();
  expect([committed.status, await committed.json()]).toEqual([
    200,
    expect.objectContaining({ changed: true }),
  ]);
  await vi.waitFor(() => expect(isOn(flags)).toBe(false), WITHIN);
  expect((await kill({ flags: ['nowhere'] })).status).toBe(404);
  const waiting = await relay.ask(`${PRODUCTION}/kill?wait=100`, {
    method: 'POST',
    key: ADMIN,
    body: { flags: ['search'], reason: 'x', breakGlass: true },
  });
  expect(waiting.status).toBe(200);
  expect(await waiting.json()).not.toHaveProperty('receipt');
  expect(await held()).toEqual([]);
});

test('[BG18, BG20] while the upstream is away the relay holds it, and hands it in when that is back', async () => {
  const { flags, served } = await follower();
  const { epoch } = flags.status();
  relay.cut();
  const answer = await kill();
  expect([answer.status, await answer.json()]).toEqual([
    202,
    expect.objectContaining({
      held: true,
      server: 'relay-1',
      streams: 1,
      detail: expect.stringContaining('also after a restart'),
    }),
  ]);
  await vi.waitFor(() => expect(isOn(flags)).toBe(false), WITHIN);
  expect(flags.status()).toMatchObject({ mode: 'stream', resyncs: 0 });
  expect(await (await relay.ask('/readyz')).json()).toMatchObject({ heldKills: 1 });
  expect((await stored()).kill).toBeNull();
  relay.mend();
  await untilSettled();
  expect((await stored()).kill).toMatchObject({ reason: 'payments fail' });
  await vi.waitFor(() => expect(flags.status().epoch).toBe(epoch), WITHIN);
  expect(served).toEqual([true, false]);
});

test('[BG19] a relay that restarts without its upstream holds what it held', async () => {
  await follower();
  relay.cut();
  expect((await kill()).status).toBe(202);
  await relay.stop();
  await relay.restart();
  expect(await held()).toMatchObject([{ flag: 'checkout-v2', reason: 'payments fail' }]);
  const { flags } = await follower();
  expect([isOn(flags), flags.boolean('search', user, false)]).toEqual([false, true]);
  relay.mend();
  await untilSettled();
  await relay.stop();
  await relay.restart();
  expect(await held()).toEqual([]);
});

test('[BG18, BG20] it holds a kill too where the upstream is there, and has no database', async () => {
  const { flags, served } = await follower();
  storage.fault = 'unavailable';
  expect((await kill()).status).toBe(202);
  await vi.waitFor(() => expect(isOn(flags)).toBe(false), WITHIN);
  storage.fault = undefined;
  await untilSettled();
  expect((await stored()).kill).toMatchObject({ reason: 'payments fail' });
  expect(served).toEqual([true, false]);
});

test('[BG20] people at the upstream have the last word', async () => {
  const { flags } = await follower();
  relay.cut();
  expect((await kill()).status).toBe(202);
  upstream.pass(60_000);
  await upstream.admin(`POST ${FLAG}/kill`, { reason: 'the same' });
  await upstream.admin(`POST ${FLAG}/restore`, { reason: 'it was the network' });
  relay.mend();
  await untilSettled();
  expect((await stored()).kill).toBeNull();
  await vi.waitFor(() => expect(isOn(flags)).toBe(true), WITHIN);
});

test('[BG18] a restore that breaks the glass lifts what the relay holds', async () => {
  const { flags } = await follower();
  relay.cut();
  await kill();
  await vi.waitFor(() => expect(isOn(flags)).toBe(false), WITHIN);
  const restore = (body: object): Promise<Response> =>
    relay.ask(`${FLAG}/restore`, { method: 'POST', key: ADMIN, body });
  expect((await restore({})).status).toBe(422);
  expect(await (await restore({ breakGlass: true })).json()).toMatchObject({ lifted: true, streams: 1 });
  await vi.waitFor(() => expect(isOn(flags)).toBe(true), WITHIN);
});
