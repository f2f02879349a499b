import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Asked, Glass } from './glass-harness.ts';
import { FLAG, isOn, openGlass, until } from './glass-harness.ts';
import { PRODUCTION, PROJECT } from './rest-harness.ts';

let glass: Glass;

beforeEach(async () => {
  glass = await openGlass();
});

afterEach(() => glass.close());

describe('when the database is back', () => {
  test('[BG10] the kill is committed as it was asked for', async () => {
    const { flags } = await glass.follower();
    const before = await glass.stored();
    glass.storage.fault = 'unavailable';
    const expiresAt = '2026-11-22T09:00:00.000Z';
    await glass.kill({ expiresAt });
    glass.client.pass(300_000);
    glass.storage.fault = undefined;
    await glass.untilReconciled();
    const at = '2026-11-21T09:00:00.000Z';
    const after = await glass.stored();
    expect(after.kill).toMatchObject({ reason: 'payments time out', at, expiresAt });
    expect(after.revision).toBe(before.revision + 1);
    const { body: history } = await glass.ask(`GET ${PRODUCTION}/revisions?limit=1`);
    expect(history.items[0]).toMatchObject({
      action: 'flag.kill',
      kill: true,
      reason: 'payments time out',
      at: '2026-11-21T09:05:00.000Z',
    });
    const { body: audit } = await glass.ask('GET /api/v1/audit?limit=1');
    expect(audit.items[0].details).toMatchObject({ breakGlass: { at, server: expect.any(String) } });
    expect(audit.items[0].actor).toEqual(history.items[0].actor);
    await until(() => expect(flags.status().revision).toBe(after.revision));
    expect((await glass.ask('GET /readyz')).body).toMatchObject({ heldKills: 0 });
  });

  test('[BG10] several servers that held the same kill make one revision', async () => {
    const there = await glass.elsewhere();
    await glass.follower();
    await glass.holdWith('full');
    // That server has held it too, and is the first to commit it.
    await there(`POST ${FLAG}/kill`, { reason: 'payments time out' });
    const before = await glass.stored();
    glass.storage.fault = undefined;
    await glass.untilReconciled();
    expect(await glass.stored()).toEqual(before);
  });

  test('[BG11] the flag is never on for a moment, on the way there and back, whatever else happens', async () => {
    const { flags, served } = await glass.follower();
    const { epoch } = flags.status();
    for (const round of [1, 2, 3]) {
      glass.storage.fault = 'unavailable';
      await glass.kill({ reason: `round ${round}` });
      await until(() => expect(isOn(flags)).toBe(false));
      served.length = 0;
      const watch = setInterval(() => served.push(isOn(flags)), 1);
      glass.client.pass(1_000);
      glass.storage.fault = undefined;
      await glass.client.configure('checkout-v2', {
        rules: [],
        fallthrough: { variation: round % 2 === 0 ? 'on' : 'off' },
      });
      await glass.untilReconciled();
      await until(() => expect(flags.status().epoch).toBe(epoch));
      clearInterval(watch);
      expect(served.length).toBeGreaterThan(0);
      expect(new Set(served)).toEqual(new Set([false]));
      expect(flags.status()).toMatchObject({
        state: 'LIVE',
        resyncs: 0,
        revision: (await glass.stored()).revision,
      });
      glass.client.pass(1_000);
      await glass.client.configure('checkout-v2', { fallthrough: { variation: 'on' } });
      await glass.ask(`POST ${FLAG}/restore`, { reason: 'over' });
      await until(() => expect(isOn(flags)).toBe(true));
    }
  });

  test('[BG11] a kill that is committed stays held until the copy of the server has it', async () => {
    const { flags, served } = await glass.follower();
    await glass.holdWith('unavailable');
    await until(() => expect(isOn(flags)).toBe(false));
    served.length = 0;
    glass.storage.fault = 'unread';
    const { writes } = glass.storage;
    await until(async () => expect((await glass.stored()).kill).not.toBeNull());
    // It was looked at a second time, and is in the database already.
    await until(() => expect(glass.storage.writes).toBeGreaterThanOrEqual(writes + 2));
    expect((await glass.ask(`GET ${PRODUCTION}/held-kills`)).body.items).toHaveLength(1);
    glass.storage.fault = undefined;
    await glass.untilReconciled();
    await until(() => expect(flags.status().revision).toBeGreaterThan(0));
    expect(isOn(flags)).toBe(false);
    expect(served).not.toContain(true);
  });

  test('[BG12] who restored the flag since has the last word', async () => {
    const { flags } = await glass.follower();
    const there = await glass.elsewhere();
    await glass.holdWith('full');
    // It has committed the kill, and a person has restored the flag.
    await there(`POST ${FLAG}/kill`, { reason: 'payments time out' });
    await there(`POST ${FLAG}/restore`, { reason: 'it was the network' });
    const { revision } = await glass.stored();
    glass.storage.fault = undefined;
    await glass.untilReconciled();
    expect(await glass.stored()).toMatchObject({ kill: null, revision });
    await until(() => expect(isOn(flags)).toBe(true));
    expect(glass.client.log.some((line) => line.includes('"why":"restored"'))).toBe(true);
  });

  test('[BG12] a later kill stands as it is', async () => {
    const { flags, served } = await glass.follower();
    const there = await glass.elsewhere();
    await glass.holdWith('full');
    await until(() => expect(isOn(flags)).toBe(false));
    served.length = 0;
    await there(`POST ${FLAG}/kill`, { reason: 'another reason' });
    glass.storage.fault = undefined;
    await glass.untilReconciled();
    expect((await glass.stored()).kill).toMatchObject({ reason: 'another reason' });
    expect(served).not.toContain(true);
  });

  test('[BG12] a flag that is gone is not killed', async () => {
    await glass.follower();
    const there = await glass.elsewhere();
    await glass.holdWith('full');
    await there(`DELETE ${PROJECT}/flags/checkout-v2`);
    glass.storage.fault = undefined;
    await glass.untilReconciled();
    expect(glass.client.log.some((line) => line.includes('"why":"gone"'))).toBe(true);
  });

  test('[BG12] a held kill ends at its expiry, whether or not the database is back', async () => {
    const { flags } = await glass.follower();
    glass.storage.fault = 'unavailable';
    await glass.kill({ expiresAt: '2026-11-21T09:00:30.000Z' });
    await until(() => expect(isOn(flags)).toBe(false));
    glass.client.pass(60_000);
    await until(() => expect(isOn(flags)).toBe(true));
    glass.storage.fault = undefined;
    await glass.untilReconciled();
    expect((await glass.stored()).kill).toBeNull();
  });

  test('[BG17] a kill that was held elsewhere is handed in, and judged as one that was held here', async () => {
    const at = '2026-11-21T09:00:30.000Z';
    glass.client.pass(60_000);
    const handIn = (json: object): Promise<Asked> =>
      glass.ask(`POST ${PRODUCTION}/held-kills`, { reason: 'x', heldForMs: 30_000, ...json });
    const before = (await glass.stored()).revision;
    expect(await handIn({ flag: 'checkout-v2' })).toMatchObject({
      status: 200,
      body: { outcome: 'committed', at: { revision: before + 1 } },
    });
    expect((await glass.stored()).kill).toMatchObject({ reason: 'x', at });
    await glass.ask(`POST ${FLAG}/restore`, { reason: 'over' });
    expect((await handIn({ flag: 'checkout-v2' })).body).toMatchObject({
      outcome: 'restored',
      at: { revision: before + 2 },
    });
    await glass.ask(`POST ${PRODUCTION}/flags/search/kill`, { reason: 'later' });
    expect((await handIn({ flag: 'search' })).body).toMatchObject({ outcome: 'killed later' });
    expect((await handIn({ flag: 'nowhere' })).body).toMatchObject({ outcome: 'gone' });
    glass.storage.fault = 'unavailable';
    expect((await handIn({ flag: 'search' })).status).toBe(503);
  });

  test("[BG12] the end of an older kill is nobody's word", async () => {
    await glass.kill({ breakGlass: false, reason: 'older', expiresAt: '2026-11-21T09:00:10.000Z' });
    await glass.follower();
    glass.storage.fault = 'full';
    glass.client.pass(5_000);
    await glass.kill({ reason: 'newer' });
    glass.client.pass(60_000);
    glass.storage.fault = undefined;
    await glass.untilReconciled();
    await until(async () => expect((await glass.stored()).kill).toMatchObject({ reason: 'newer' }));
  });
});
