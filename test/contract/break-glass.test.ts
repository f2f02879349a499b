import { Dimmer } from '@dimmer/node';
import type { RunningServer, Storage } from '@dimmer/server';
import { createLog, parseSettings, startServer } from '@dimmer/server';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import type { FailingStorage } from './failing-storage.ts';
import { failingStorage } from './failing-storage.ts';
import { ADMIN, PRODUCTION, PROJECT, SERVER } from './rest-harness.ts';

const FLAG = `${PRODUCTION}/flags/checkout-v2`;
const user = { targetingKey: 'user-1' };

let harness: ClientHarness;
let storage: FailingStorage;
/** What the database itself is. */
let memory: Storage;
const others: RunningServer[] = [];
const followers: Dimmer[] = [];

beforeEach(async () => {
  harness = await openClient({}, (database) => {
    memory = database;
    storage = failingStorage(database);
    return storage;
  });
  await harness.flag('checkout-v2');
  await harness.flag('search');
});

afterEach(async () => {
  for (const flags of followers.splice(0)) await flags.close();
  storage.fault = undefined;
  for (const other of others.splice(0)) await other.close();
  await harness.close();
});

interface Asked {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the tests are what checks the form.
  readonly body: any;
}

async function ask(route: string, json?: unknown, key = ADMIN, url = harness.server.url): Promise<Asked> {
  const [method = '', path = ''] = route.split(' ');
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
  return { status: response.status, body: await response.json() };
}

const kill = (fields: object = {}): Promise<Asked> =>
  ask(`POST ${FLAG}/kill`, { reason: 'payments time out', breakGlass: true, ...fields });

/** An SDK that notes everything that it ever served of the flag. */
async function follower(): Promise<{ readonly flags: Dimmer; readonly served: boolean[] }> {
  const flags = new Dimmer({ url: harness.server.url, key: SERVER, cache: false });
  followers.push(flags);
  const served: boolean[] = [];
  flags.onChange('checkout-v2', () => void served.push(flags.boolean('checkout-v2', user, true)));
  await flags.ready({ timeoutMs: 40_000 });
  return { flags, served };
}

const isOn = (flags: Dimmer): boolean => flags.boolean('checkout-v2', user, true);
const until = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 40_000, interval: 10 });

async function untilReconciled(): Promise<void> {
  await until(async () => expect((await ask(`GET ${PRODUCTION}/held-kills`)).body.items).toEqual([]));
}

/** The flag as the database has it. */
async function stored(): Promise<{ readonly kill: unknown; readonly revision: number }> {
  return (await ask(`GET ${FLAG}`)).body;
}

describe('a kill while the database is away', () => {
  test.each(['unavailable', 'full'] as const)(
    '[BG5] is held where the glass is broken (%s)',
    async (fault) => {
      await follower();
      storage.fault = fault;
      const refused = await ask(`POST ${FLAG}/kill`, { reason: 'payments time out' });
      expect(refused.status).toBe(fault === 'full' ? 507 : 503);
      expect(refused.body.remedy).toContain('dimmer kill --break-glass');
      const { status, body } = await kill();
      expect(status).toBe(202);
      expect(body).toMatchObject({
        held: true,
        streams: 1,
        project: 'default',
        environment: 'production',
        flags: ['checkout-v2'],
        at: '2026-11-21T09:00:00.000Z',
      });
      expect(body.server).not.toBe('');
      expect(body.detail).toContain('lost if this server ends');
    },
  );

  test('[BG5] is held after a second where the database keeps silent', async () => {
    const { flags } = await follower();
    storage.fault = 'silent';
    expect((await kill()).status).toBe(202);
    await until(() => expect(isOn(flags)).toBe(false));
    // What was asked of the database is taken all the same, and nothing is killed twice.
    storage.fault = undefined;
    await untilReconciled();
    expect((await stored()).kill).toMatchObject({ reason: 'payments time out' });
  });

  test('[BG5] is an ordinary one where the database answers, also where it refuses', async () => {
    const ordinary = await kill();
    expect([ordinary.status, ordinary.body.kill.reason]).toEqual([200, 'payments time out']);
    const unknown = await ask(`POST ${PRODUCTION}/flags/checkout-v3/kill`, { reason: 'x', breakGlass: true });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'FLAG_NOT_FOUND']);
    storage.fault = 'damaged';
    expect((await kill()).status).toBe(503);
  });

  test('[BG6] reaches SDKs, browsers, snapshots and OFREP, those that are there and those that come', async () => {
    const { flags } = await follower();
    const { abort, signal } = abortOf(flags);
    const page = await harness.stream({ context: user });
    await harness.values(user);
    storage.fault = 'unavailable';
    await kill();
    await until(() => expect(isOn(flags)).toBe(false));
    expect(flags.status()).toMatchObject({ state: 'LIVE', resyncs: 0 });
    expect([signal.aborted, abort()]).toEqual([true, 'FlagKilledError']);
    await page.until((message) => message.type === 'commit' && message.kill === true);
    const late = await follower();
    expect(isOn(late.flags)).toBe(false);
    expect((await harness.values(user)).objects).toMatchObject([
      { key: 'checkout-v2', value: false, reason: 'KILLED' },
      { key: 'search', value: true },
    ]);
    const ofrep = await harness.post('/ofrep/v1/evaluate/flags/checkout-v2', { context: user });
    expect(await ofrep.json()).toMatchObject({ value: false });
    expect(page.events.some(({ message }) => message.type === 'goodbye')).toBe(false);
    page.stop();
  });

  test('[BG14] names flags that are there: no slip passes for a kill', async () => {
    storage.fault = 'unavailable';
    // No key opens it, so this server has never read it.
    const staging = PRODUCTION.replace('production', 'staging');
    const kills = { flags: ['checkout-v2'], reason: 'x', breakGlass: true };
    const nowhere = await ask(`POST ${staging}/kill`, kills);
    expect([nowhere.status, nowhere.body.detail]).toEqual([
      503,
      expect.stringContaining('serves nothing of'),
    ]);
    storage.fault = undefined;
    await follower();
    storage.fault = 'unavailable';
    const unknown = await ask(`POST ${PRODUCTION}/kill`, {
      flags: ['search', 'x'],
      reason: 'x',
      breakGlass: true,
    });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'FLAG_NOT_FOUND']);
    const tag = await ask(`POST ${PRODUCTION}/kill`, {
      flags: ['search'],
      tag: 'a',
      reason: 'x',
      breakGlass: true,
    });
    expect(tag.body).toMatchObject({
      code: 'RULE_VIOLATED',
      issues: [{ path: '$.tag', remedy: 'Name the flags.' }],
    });
    const past = await kill({ expiresAt: '2026-11-21T08:00:00Z' });
    expect(past.body).toMatchObject({ code: 'RULE_VIOLATED', issues: [{ path: '$.expiresAt' }] });
    expect((await ask(`GET ${PRODUCTION}/held-kills`)).body.items).toEqual([]);
  });

  test('[BG14] a server holds at most a thousand, and the newest of each flag', async () => {
    const flags = Array.from({ length: 1_001 }, (_, index) => `f${index}`);
    const configuration = { enabled: true, offVariation: 'off', fallthrough: { variation: 'on' } };
    await ask(`PUT ${PRODUCTION}/state`, {
      flags: flags.map((key) => ({ key, type: 'boolean', configuration })),
    });
    await follower();
    storage.fault = 'unavailable';
    const many = (keys: readonly string[], reason: string): Promise<Asked> =>
      ask(`POST ${PRODUCTION}/kill`, { flags: keys, reason, breakGlass: true });
    expect((await many(flags, 'x')).body).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      limit: { name: 'heldKills', current: 1_001, maximum: 1_000 },
    });
    expect((await many(flags.slice(1), 'x')).status).toBe(202);
    expect((await many(flags.slice(1, 3), 'y')).status).toBe(202);
    const { items } = (await ask(`GET ${PRODUCTION}/held-kills`)).body;
    expect(items.filter(({ reason }: { reason: string }) => reason === 'y')).toHaveLength(2);
    expect(items).toHaveLength(1_000);
  });

  test('[BG15] is in the log, in /readyz, in a metric and in a list that asks no database', async () => {
    await follower();
    storage.fault = 'unavailable';
    await kill();
    expect((await ask('GET /readyz')).body).toMatchObject({ status: 'ready', heldKills: 1 });
    const metrics = await (await fetch(`${harness.server.url}/metrics`)).text();
    expect(metrics).toContain('dimmer_break_glass_kills 1');
    const list = await ask(`GET ${PRODUCTION}/held-kills`);
    expect(list.body).toMatchObject({
      streams: 1,
      items: [{ flag: 'checkout-v2', reason: 'payments time out', at: '2026-11-21T09:00:00.000Z' }],
    });
    expect((await ask(`GET ${PRODUCTION}/held-kills`, undefined, SERVER)).status).toBe(403);
    const line = harness.log.find((text) => text.includes('a kill is held here')) ?? '{}';
    expect(JSON.parse(line)).toMatchObject({
      level: 40,
      flag: 'checkout-v2',
      reason: 'payments time out',
      actor: { name: expect.any(String) },
    });
  });

  test('[BG23] with ?wait= the answer says who of its own SDKs has applied it, as soon as all have', async () => {
    const { flags } = await follower();
    await follower();
    const instances = async (): Promise<readonly unknown[]> =>
      (await ask(`GET ${PRODUCTION}/instances`)).body.items;
    await until(async () => expect(await instances()).toMatchObject([{ state: 'LIVE' }, { state: 'LIVE' }]));
    storage.fault = 'unavailable';
    const json = { reason: 'payments time out', breakGlass: true };
    const { status, body } = await ask(`POST ${FLAG}/kill?wait=20000`, json);
    expect([status, body.held, isOn(flags)]).toEqual([202, true, false]);
    expect(body.receipt).toMatchObject({
      instances: 2,
      applied: 2,
      complete: true,
      committedAt: body.at,
      latency: null,
      stragglers: [],
    });
    // Another flag is another epoch, which none of them has told of yet.
    const second = await ask(`POST ${PRODUCTION}/kill?wait=0`, { ...json, flags: ['search'] });
    expect(second.body.receipt).toMatchObject({
      instances: 2,
      applied: 0,
      complete: false,
      oldServedUntil: null,
    });
    expect((await ask(`POST ${FLAG}/kill`, json)).body.receipt).toBeUndefined();
  });

  test('[BG16] is lost with the server, which says so', async () => {
    await follower();
    storage.fault = 'unavailable';
    await kill();
    await harness.close();
    const line = harness.log.find((text) => text.includes('a held kill is lost')) ?? '{}';
    expect(JSON.parse(line)).toMatchObject({ level: 50, flag: 'checkout-v2' });
  });
});

describe('lifting', () => {
  test('[BG13] a restore that breaks the glass lifts what is held, and nothing else', async () => {
    const { flags } = await follower();
    storage.fault = 'unavailable';
    await kill();
    await until(() => expect(isOn(flags)).toBe(false));
    const lift = (): Promise<Asked> => ask(`POST ${FLAG}/restore`, { breakGlass: true });
    expect(await lift()).toMatchObject({
      status: 202,
      body: { lifted: true, flag: 'checkout-v2', streams: 1 },
    });
    await until(() => expect(isOn(flags)).toBe(true));
    expect((await lift()).body).toMatchObject({ lifted: false });
    expect((await ask(`POST ${FLAG}/restore`, { reason: 'x' })).status).toBe(503);
    storage.fault = undefined;
    await kill();
    expect((await lift()).body).toMatchObject({ lifted: false });
    expect((await stored()).kill).not.toBeNull();
  });

  test('[BG13] a restore that the database has taken lifts it too', async () => {
    const { flags } = await follower();
    await holdWith('full');
    storage.fault = undefined;
    expect((await ask(`POST ${FLAG}/restore`, { reason: 'false alarm' })).status).toBe(200);
    await untilReconciled();
    await until(() => expect(isOn(flags)).toBe(true));
  });
});

describe('when the database is back', () => {
  test('[BG10] the kill is committed as it was asked for', async () => {
    const { flags } = await follower();
    const before = await stored();
    storage.fault = 'unavailable';
    const expiresAt = '2026-11-22T09:00:00.000Z';
    await kill({ expiresAt });
    harness.pass(300_000);
    storage.fault = undefined;
    await untilReconciled();
    const at = '2026-11-21T09:00:00.000Z';
    const after = await stored();
    expect(after.kill).toMatchObject({ reason: 'payments time out', at, expiresAt });
    expect(after.revision).toBe(before.revision + 1);
    const { body: history } = await ask(`GET ${PRODUCTION}/revisions?limit=1`);
    expect(history.items[0]).toMatchObject({
      action: 'flag.kill',
      kill: true,
      reason: 'payments time out',
      at: '2026-11-21T09:05:00.000Z',
    });
    const { body: audit } = await ask('GET /api/v1/audit?limit=1');
    expect(audit.items[0].details).toMatchObject({ breakGlass: { at, server: expect.any(String) } });
    expect(audit.items[0].actor).toEqual(history.items[0].actor);
    await until(() => expect(flags.status().revision).toBe(after.revision));
    expect((await ask('GET /readyz')).body).toMatchObject({ heldKills: 0 });
  });

  test('[BG10] several servers that held the same kill make one revision', async () => {
    const there = await elsewhere();
    await follower();
    await holdWith('full');
    // That server has held it too, and is the first to commit it.
    await there(`POST ${FLAG}/kill`, { reason: 'payments time out' });
    const before = await stored();
    storage.fault = undefined;
    await untilReconciled();
    expect(await stored()).toEqual(before);
  });

  test('[BG11] the flag is never on for a moment, on the way there and back, whatever else happens', async () => {
    const { flags, served } = await follower();
    const { epoch } = flags.status();
    for (const round of [1, 2, 3]) {
      storage.fault = 'unavailable';
      await kill({ reason: `round ${round}` });
      await until(() => expect(isOn(flags)).toBe(false));
      served.length = 0;
      const watch = setInterval(() => served.push(isOn(flags)), 1);
      harness.pass(1_000);
      storage.fault = undefined;
      await harness.configure('checkout-v2', {
        rules: [],
        fallthrough: { variation: round % 2 === 0 ? 'on' : 'off' },
      });
      await untilReconciled();
      await until(() => expect(flags.status().epoch).toBe(epoch));
      clearInterval(watch);
      expect(served.length).toBeGreaterThan(0);
      expect(new Set(served)).toEqual(new Set([false]));
      expect(flags.status()).toMatchObject({
        state: 'LIVE',
        resyncs: 0,
        revision: (await stored()).revision,
      });
      harness.pass(1_000);
      await harness.configure('checkout-v2', { fallthrough: { variation: 'on' } });
      await ask(`POST ${FLAG}/restore`, { reason: 'over' });
      await until(() => expect(isOn(flags)).toBe(true));
    }
  });

  test('[BG11] a kill that is committed stays held until the copy of the server has it', async () => {
    const { flags, served } = await follower();
    await holdWith('unavailable');
    await until(() => expect(isOn(flags)).toBe(false));
    served.length = 0;
    storage.fault = 'unread';
    const { writes } = storage;
    await until(async () => expect((await stored()).kill).not.toBeNull());
    // It was looked at a second time, and is in the database already.
    await until(() => expect(storage.writes).toBeGreaterThanOrEqual(writes + 2));
    expect((await ask(`GET ${PRODUCTION}/held-kills`)).body.items).toHaveLength(1);
    storage.fault = undefined;
    await untilReconciled();
    await until(() => expect(flags.status().revision).toBeGreaterThan(0));
    expect(isOn(flags)).toBe(false);
    expect(served).not.toContain(true);
  });

  test('[BG12] who restored the flag since has the last word', async () => {
    const { flags } = await follower();
    const there = await elsewhere();
    await holdWith('full');
    // It has committed the kill, and a person has restored the flag.
    await there(`POST ${FLAG}/kill`, { reason: 'payments time out' });
    await there(`POST ${FLAG}/restore`, { reason: 'it was the network' });
    const { revision } = await stored();
    storage.fault = undefined;
    await untilReconciled();
    expect(await stored()).toMatchObject({ kill: null, revision });
    await until(() => expect(isOn(flags)).toBe(true));
    expect(harness.log.some((line) => line.includes('"why":"restored"'))).toBe(true);
  });

  test('[BG12] a later kill stands as it is', async () => {
    const { flags, served } = await follower();
    const there = await elsewhere();
    await holdWith('full');
    await until(() => expect(isOn(flags)).toBe(false));
    served.length = 0;
    await there(`POST ${FLAG}/kill`, { reason: 'another reason' });
    storage.fault = undefined;
    await untilReconciled();
    expect((await stored()).kill).toMatchObject({ reason: 'another reason' });
    expect(served).not.toContain(true);
  });

  test('[BG12] a flag that is gone is not killed', async () => {
    await follower();
    const there = await elsewhere();
    await holdWith('full');
    await there(`DELETE ${PROJECT}/flags/checkout-v2`);
    storage.fault = undefined;
    await untilReconciled();
    expect(harness.log.some((line) => line.includes('"why":"gone"'))).toBe(true);
  });

  test('[BG12] a held kill ends at its expiry, whether or not the database is back', async () => {
    const { flags } = await follower();
    storage.fault = 'unavailable';
    await kill({ expiresAt: '2026-11-21T09:00:30.000Z' });
    await until(() => expect(isOn(flags)).toBe(false));
    harness.pass(60_000);
    await until(() => expect(isOn(flags)).toBe(true));
    storage.fault = undefined;
    await untilReconciled();
    expect((await stored()).kill).toBeNull();
  });

  test('[BG17] a kill that was held elsewhere is handed in, and judged as one that was held here', async () => {
    const at = '2026-11-21T09:00:30.000Z';
    harness.pass(60_000);
    const handIn = (json: object): Promise<Asked> =>
      ask(`POST ${PRODUCTION}/held-kills`, { reason: 'x', heldForMs: 30_000, ...json });
    const before = (await stored()).revision;
    expect(await handIn({ flag: 'checkout-v2' })).toMatchObject({
      status: 200,
      body: { outcome: 'committed', at: { revision: before + 1 } },
    });
    expect((await stored()).kill).toMatchObject({ reason: 'x', at });
    await ask(`POST ${FLAG}/restore`, { reason: 'over' });
    expect((await handIn({ flag: 'checkout-v2' })).body).toMatchObject({
      outcome: 'restored',
      at: { revision: before + 2 },
    });
    await ask(`POST ${PRODUCTION}/flags/search/kill`, { reason: 'later' });
    expect((await handIn({ flag: 'search' })).body).toMatchObject({ outcome: 'killed later' });
    expect((await handIn({ flag: 'nowhere' })).body).toMatchObject({ outcome: 'gone' });
    storage.fault = 'unavailable';
    expect((await handIn({ flag: 'search' })).status).toBe(503);
  });

  test("[BG12] the end of an older kill is nobody's word", async () => {
    await kill({ breakGlass: false, reason: 'older', expiresAt: '2026-11-21T09:00:10.000Z' });
    await follower();
    storage.fault = 'full';
    harness.pass(5_000);
    await kill({ reason: 'newer' });
    harness.pass(60_000);
    storage.fault = undefined;
    await untilReconciled();
    await until(async () => expect((await stored()).kill).toMatchObject({ reason: 'newer' }));
  });
});

/** Holds a kill while the database is away. */
async function holdWith(fault: 'unavailable' | 'full'): Promise<void> {
  storage.fault = fault;
  expect((await kill()).status).toBe(202);
  harness.pass(1_000);
}

/** Another server at the same database, which it reaches. */
async function elsewhere(): Promise<(route: string, json?: unknown) => Promise<void>> {
  const parsed = parseSettings({ DIMMER_PORT: '0' });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const { clock } = harness;
  const log = createLog('silent', { write: () => undefined });
  const other = await startServer({
    settings: parsed.settings,
    storage: memory,
    log,
    version: 'test',
    clock,
  });
  others.push(other);
  return async (route, json) => {
    expect((await ask(route, json, ADMIN, other.url)).status).toBe(200);
    harness.pass(1_000);
  };
}

function abortOf(flags: Dimmer): { readonly signal: AbortSignal; readonly abort: () => string } {
  const scope = flags.scope(user);
  scope.boolean('checkout-v2', false);
  const { signal } = scope;
  return { signal, abort: () => String(signal.reason?.name) };
}
