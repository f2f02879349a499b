import type { Dimmer } from '@dimmer/node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Asked, Glass } from './glass-harness.ts';
import { FLAG, isOn, openGlass, until, user } from './glass-harness.ts';
import { PRODUCTION, SERVER } from './rest-harness.ts';

let glass: Glass;

beforeEach(async () => {
  glass = await openGlass();
});

afterEach(() => glass.close());

describe('a kill while the database is away', () => {
  test.each(['unavailable', 'full'] as const)(
    '[BG5] is held where the glass is broken (%s)',
    async (fault) => {
      await glass.follower();
      glass.storage.fault = fault;
      const refused = await glass.ask(`POST ${FLAG}/kill`, { reason: 'payments time out' });
      expect(refused.status).toBe(fault === 'full' ? 507 : 503);
      expect(refused.body.remedy).toContain('dimmer kill --break-glass');
      const { status, body } = await glass.kill();
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
    const { flags } = await glass.follower();
    glass.storage.fault = 'silent';
    expect((await glass.kill()).status).toBe(202);
    await until(() => expect(isOn(flags)).toBe(false));
    // What was asked of the database is taken all the same, and nothing is killed twice.
    glass.storage.fault = undefined;
    await glass.untilReconciled();
    expect((await glass.stored()).kill).toMatchObject({ reason: 'payments time out' });
  });

  test('[BG5] is an ordinary one where the database answers, also where it refuses', async () => {
    const ordinary = await glass.kill();
    expect([ordinary.status, ordinary.body.kill.reason]).toEqual([200, 'payments time out']);
    const unknown = await glass.ask(`POST ${PRODUCTION}/flags/checkout-v3/kill`, {
      reason: 'x',
      breakGlass: true,
    });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'FLAG_NOT_FOUND']);
    glass.storage.fault = 'damaged';
    expect((await glass.kill()).status).toBe(503);
  });

  test('[BG6] reaches SDKs, browsers, snapshots and OFREP, those that are there and those that come', async () => {
    const { flags } = await glass.follower();
    const { abort, signal } = abortOf(flags);
    const page = await glass.client.stream({ context: user });
    await glass.client.values(user);
    glass.storage.fault = 'unavailable';
    await glass.kill();
    await until(() => expect(isOn(flags)).toBe(false));
    expect(flags.status()).toMatchObject({ state: 'LIVE', resyncs: 0 });
    expect([signal.aborted, abort()]).toEqual([true, 'FlagKilledError']);
    await page.until((message) => message.type === 'commit' && message.kill === true);
    const late = await glass.follower();
    expect(isOn(late.flags)).toBe(false);
    expect((await glass.client.values(user)).objects).toMatchObject([
      { key: 'checkout-v2', value: false, reason: 'KILLED' },
      { key: 'search', value: true },
    ]);
    const ofrep = await glass.client.post('/ofrep/v1/evaluate/flags/checkout-v2', { context: user });
    expect(await ofrep.json()).toMatchObject({ value: false });
    expect(page.events.some(({ message }) => message.type === 'goodbye')).toBe(false);
    page.stop();
  });

  test('[BG14] names flags that are there: no slip passes for a kill', async () => {
    glass.storage.fault = 'unavailable';
    // No key opens it, so this server has never read it.
    const staging = PRODUCTION.replace('production', 'staging');
    const kills = { flags: ['checkout-v2'], reason: 'x', breakGlass: true };
    const nowhere = await glass.ask(`POST ${staging}/kill`, kills);
    expect([nowhere.status, nowhere.body.detail]).toEqual([
      503,
      expect.stringContaining('serves nothing of'),
    ]);
    glass.storage.fault = undefined;
    await glass.follower();
    glass.storage.fault = 'unavailable';
    const unknown = await glass.ask(`POST ${PRODUCTION}/kill`, {
      flags: ['search', 'x'],
      reason: 'x',
      breakGlass: true,
    });
    expect([unknown.status, unknown.body.code]).toEqual([404, 'FLAG_NOT_FOUND']);
    const tag = await glass.ask(`POST ${PRODUCTION}/kill`, {
      flags: ['search'],
      tag: 'a',
      reason: 'x',
      breakGlass: true,
    });
    expect(tag.body).toMatchObject({
      code: 'RULE_VIOLATED',
      issues: [{ path: '$.tag', remedy: 'Name the flags.' }],
    });
    const past = await glass.kill({ expiresAt: '2026-11-21T08:00:00Z' });
    expect(past.body).toMatchObject({ code: 'RULE_VIOLATED', issues: [{ path: '$.expiresAt' }] });
    expect((await glass.ask(`GET ${PRODUCTION}/held-kills`)).body.items).toEqual([]);
  });

  test('[BG14] a server holds at most a thousand, and the newest of each flag', async () => {
    const flags = Array.from({ length: 1_001 }, (_, index) => `f${index}`);
    const configuration = { enabled: true, offVariation: 'off', fallthrough: { variation: 'on' } };
    await glass.ask(`PUT ${PRODUCTION}/state`, {
      flags: flags.map((key) => ({ key, type: 'boolean', configuration })),
    });
    await glass.follower();
    glass.storage.fault = 'unavailable';
    const many = (keys: readonly string[], reason: string): Promise<Asked> =>
      glass.ask(`POST ${PRODUCTION}/kill`, { flags: keys, reason, breakGlass: true });
    expect((await many(flags, 'x')).body).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      limit: { name: 'heldKills', current: 1_001, maximum: 1_000 },
    });
    expect((await many(flags.slice(1), 'x')).status).toBe(202);
    expect((await many(flags.slice(1, 3), 'y')).status).toBe(202);
    const { items } = (await glass.ask(`GET ${PRODUCTION}/held-kills`)).body;
    expect(items.filter(({ reason }: { reason: string }) => reason === 'y')).toHaveLength(2);
    expect(items).toHaveLength(1_000);
  });

  test('[BG15] is in the log, in /readyz, in a metric and in a list that asks no database', async () => {
    await glass.follower();
    glass.storage.fault = 'unavailable';
    await glass.kill();
    expect((await glass.ask('GET /readyz')).body).toMatchObject({ status: 'ready', heldKills: 1 });
    const metrics = await (await fetch(`${glass.client.server.url}/metrics`)).text();
    expect(metrics).toContain('dimmer_break_glass_kills 1');
    const list = await glass.ask(`GET ${PRODUCTION}/held-kills`);
    expect(list.body).toMatchObject({
      streams: 1,
      items: [{ flag: 'checkout-v2', reason: 'payments time out', at: '2026-11-21T09:00:00.000Z' }],
    });
    expect((await glass.ask(`GET ${PRODUCTION}/held-kills`, undefined, SERVER)).status).toBe(403);
    const line = glass.client.log.find((text) => text.includes('a kill is held here')) ?? '{}';
    expect(JSON.parse(line)).toMatchObject({
      level: 40,
      flag: 'checkout-v2',
      reason: 'payments time out',
      actor: { name: expect.any(String) },
    });
  });

  test('[BG23] with ?wait= the answer says who of its own SDKs has applied it, as soon as all have', async () => {
    const { flags } = await glass.follower();
    await glass.follower();
    const instances = async (): Promise<readonly unknown[]> =>
      (await glass.ask(`GET ${PRODUCTION}/instances`)).body.items;
    await until(async () => expect(await instances()).toMatchObject([{ state: 'LIVE' }, { state: 'LIVE' }]));
    glass.storage.fault = 'unavailable';
    const json = { reason: 'payments time out', breakGlass: true };
    const { status, body } = await glass.ask(`POST ${FLAG}/kill?wait=20000`, json);
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
    const second = await glass.ask(`POST ${PRODUCTION}/kill?wait=0`, { ...json, flags: ['search'] });
    expect(second.body.receipt).toMatchObject({
      instances: 2,
      applied: 0,
      complete: false,
      oldServedUntil: null,
    });
    expect((await glass.ask(`POST ${FLAG}/kill`, json)).body.receipt).toBeUndefined();
  });

  test('[BG16] is lost with the server, which says so', async () => {
    await glass.follower();
    glass.storage.fault = 'unavailable';
    await glass.kill();
    await glass.client.close();
    const line = glass.client.log.find((text) => text.includes('a held kill is lost')) ?? '{}';
    expect(JSON.parse(line)).toMatchObject({ level: 50, flag: 'checkout-v2' });
  });
});

describe('lifting', () => {
  test('[BG13] a restore that breaks the glass lifts what is held, and nothing else', async () => {
    const { flags } = await glass.follower();
    glass.storage.fault = 'unavailable';
    await glass.kill();
    await until(() => expect(isOn(flags)).toBe(false));
    const lift = (): Promise<Asked> => glass.ask(`POST ${FLAG}/restore`, { breakGlass: true });
    expect(await lift()).toMatchObject({
      status: 202,
      body: { lifted: true, flag: 'checkout-v2', streams: 1 },
    });
    await until(() => expect(isOn(flags)).toBe(true));
    expect((await lift()).body).toMatchObject({ lifted: false });
    expect((await glass.ask(`POST ${FLAG}/restore`, { reason: 'x' })).status).toBe(503);
    glass.storage.fault = undefined;
    await glass.kill();
    expect((await lift()).body).toMatchObject({ lifted: false });
    expect((await glass.stored()).kill).not.toBeNull();
  });

  test('[BG13] a restore that the database has taken lifts it too', async () => {
    const { flags } = await glass.follower();
    await glass.holdWith('full');
    glass.storage.fault = undefined;
    expect((await glass.ask(`POST ${FLAG}/restore`, { reason: 'false alarm' })).status).toBe(200);
    await glass.untilReconciled();
    await until(() => expect(isOn(flags)).toBe(true));
  });
});

function abortOf(flags: Dimmer): { readonly signal: AbortSignal; readonly abort: () => string } {
  const scope = flags.scope(user);
  scope.boolean('checkout-v2', false);
  const { signal } = scope;
  return { signal, abort: () => String(signal.reason?.name) };
}
