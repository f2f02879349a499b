import { Dimmer } from '@dimmer/node';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Platform, systemPlatform } from '../../sdk-node/src/platform.ts';
import { createPostgresProxy, type PostgresProxy } from '../contract/postgres-proxy.ts';
import { createPostgresCluster, type PostgresCluster } from '../faults/postgres-cluster.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import {
  type Asked,
  ask,
  openEvents,
  PRODUCTION,
  PROJECT,
  startFleet,
  told,
  touch,
  type Written,
} from './fleet.ts';

const WAIT = { timeout: 60_000, interval: 50 };
const FLAG = `${PRODUCTION}/flags/checkout`;
const SILENT = { warn() {}, error() {} };
const user = { targetingKey: 'user-1' };

const cluster = await createPostgresCluster();
if (cluster === undefined && process.env['CI'] !== undefined)
  throw new Error('The pipeline needs PostgreSQL.');
const missing = cluster === undefined ? ': skipped, this machine has no programs of PostgreSQL' : '';

/** Comes back sooner than one that is shipped. */
const hasty: Platform = {
  ...systemPlatform,
  emitWarning: () => undefined,
  timing: { ...systemPlatform.timing, retryMaxMs: 2_000 },
};

/** What the audit log keeps of a new epoch. */
interface Renewal {
  readonly action: string;
  readonly actor: string;
  readonly subject: string;
  readonly details: {
    readonly epoch: { readonly before: string; readonly after: string };
    readonly lost: { readonly from: number | null; readonly to: number };
  };
}

describe.skipIf(cluster === undefined)(`PostgreSQL fails over to an asynchronous standby${missing}`, () => {
  let primary: PostgresCluster;
  let proxy: PostgresProxy;
  let one: ServerProcess;
  let other: ServerProcess;
  let programs: readonly Dimmer[] = [];
  const clusters: PostgresCluster[] = [];

  beforeAll(async () => {
    if (cluster === undefined) throw new Error('there is no PostgreSQL');
    primary = cluster;
    clusters.push(primary);
    await primary.start();
    proxy = await createPostgresProxy(primary.url());
    const [first, second] = await startFleet([proxy.url, proxy.url]);
    if (first === undefined || second === undefined) throw new Error('there are no two servers');
    [one, other] = [first, second];
    for (const key of ['checkout', 'search']) await told(one, `POST ${PROJECT}/flags`, { json: { key } });
    await told(one, `PATCH ${FLAG}`, { json: { enabled: true, fallthrough: { variation: 'on' } } });
    programs = [one, other].map(
      ({ url, serverKey: key }) => new Dimmer({ url, key, cache: false, logger: SILENT }, hasty),
    );
    await Promise.all(programs.map((flags) => flags.ready({ timeoutMs: 40_000 })));
  }, 180_000);
  afterAll(async () => {
    await Promise.all(programs.map((flags) => flags.close()));
    await Promise.all([one, other].map((server) => server?.end('SIGKILL')));
    await proxy?.close();
    await Promise.all(clusters.map((each) => each.remove()));
  }, 180_000);

  test('[M40] [PG20] a standby takes no part, and once it is promoted without the last commits, all go over to what it has, in one new epoch', async () => {
    const standby = await newStandby();
    await cutOff(standby);
    const { epoch, revision: kept } = await standing();
    await touch(one);
    const lost = await kill(other, 'payments fail');
    await vi.waitFor(() => expect(reasons()).toEqual(['KILLED', 'KILLED']), WAIT);
    const reading = await openEvents(other);
    await vi.waitFor(() => expect(reading.revision()).toBe(lost.revision), WAIT);

    await primary.stop('immediate');
    proxy.moveTo(standby.url());
    await vi.waitFor(async () => {
      const refused = await ask(one, `PATCH ${FLAG}`, { json: { enabled: true } });
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, expect.any(String)]);
      expect(await refused.text()).toContain('a standby');
    }, WAIT);
    await vi.waitFor(() => {
      const beat = reading.events.findLast(({ event }) => event === 'heartbeat');
      expect(beat?.data.databaseAgeMs).toBeGreaterThan(3_000);
    }, WAIT);
    for (const server of [one, other]) {
      const context = { json: { context: user }, key: server.serverKey };
      expect((await ask(server, 'POST /ofrep/v1/evaluate/flags/checkout', context)).status).toBe(200);
      expect((await ask(server, 'GET /readyz')).status).toBe(200);
    }
    expect(await query(standby, `select epoch from environments where key = 'production'`)).toEqual([
      { epoch },
    ]);
    expect(reading.isOpen()).toBe(true);

    await promote(standby);
    await vi.waitFor(async () => expect(await standing()).toMatchObject({ revision: kept }), WAIT);
    await vi.waitFor(() => expect(reasons()).toEqual(['FALLTHROUGH', 'FALLTHROUGH']), WAIT);
    expect(programs.map((flags) => flags.status().revision)).toEqual([kept, kept]);
    const renewed = await standing();
    expect(renewed.epoch).not.toBe(epoch);
    expect(await renewals()).toMatchObject([
      {
        actor: 'system',
        subject: 'environment/production',
        details: {
          epoch: { before: epoch, after: renewed.epoch },
          lost: { from: kept + 1, to: lost.revision },
        },
      },
    ]);
    await vi.waitFor(async () => expect(await metric('dimmer_commit_losses_total')).toBe(1), WAIT);
    await vi.waitFor(() => {
      expect(`${one.output()}${other.output()}`).toContain('the database has lost acknowledged commits');
      expect(one.output()).toContain('"killsGone":["checkout"]');
    }, WAIT);
    await expectKillReaches(programs);
  }, 180_000);

  test('[M40] a standby that has everything takes over, and nothing is taken for loss: the epoch stays', async () => {
    const standby = await newStandby();
    const before = await standing();
    // It sends the standby what is left.
    await primary.stop('fast');
    proxy.moveTo(standby.url());
    await promote(standby);
    const { revision } = await vi.waitFor(() => touch(one), WAIT);
    expect(revision).toBeGreaterThan(before.revision);
    await vi.waitFor(() => expect(revisions()).toEqual([revision, revision]), WAIT);
    expect((await standing()).epoch).toBe(before.epoch);
    expect(await renewals()).toHaveLength(1);
  }, 180_000);

  test('[M40] [PG22] as many commits in the place of those that were lost do not hide the loss, and nothing is decided on what was', async () => {
    const standby = await newStandby();
    await cutOff(standby);
    const { epoch } = await standing();
    await touch(one);
    await kill(one, 'payments fail');
    await vi.waitFor(() => expect(reasons()).toEqual(['KILLED', 'KILLED']), WAIT);
    // Neither looks while a third, which never saw what was lost, writes as much again and more.
    for (const server of [one, other]) server.signal('SIGSTOP');
    await primary.stop('immediate');
    proxy.moveTo(standby.url());
    await promote(standby);
    const third = await createServerProcess(proxy.url);
    await third.start();
    for (const enabled of [true, false]) {
      await told(third, `PATCH ${PRODUCTION}/flags/search`, { json: { enabled } });
    }
    const { revision } = await standing(third);
    await third.end('SIGTERM');
    for (const server of [one, other]) server.signal('SIGCONT');
    const decided = await vi.waitFor(() => told(one, `PATCH ${FLAG}`, { json: { enabled: true } }), WAIT);
    expect(decided).toMatchObject({ kill: null });
    await vi.waitFor(() => expect(reasons()).toEqual(['FALLTHROUGH', 'FALLTHROUGH']), WAIT);
    expect(revisions()).toEqual([revision, revision]);
    expect((await standing()).epoch).not.toBe(epoch);
    expect(await renewals()).toHaveLength(2);
    expect((await renewals())[0]?.details.lost).toEqual({ from: null, to: revision });
    await expectKillReaches(programs);
  }, 180_000);

  test('[PG20] a primary that was made read-only refuses writes with 503, and takes them again by itself', async () => {
    const wrote = (asked: Asked = { json: { enabled: true } }): Promise<Response> =>
      ask(one, `PATCH ${FLAG}`, asked);
    await query(primary, 'alter system set default_transaction_read_only = on', 'select pg_reload_conf()');
    await vi.waitFor(async () => {
      const refused = await wrote();
      expect(refused.status).toBe(503);
      expect(await refused.text()).toContain('read-only');
    }, WAIT);
    expect((await ask(one, `GET ${FLAG}`)).status).toBe(200);
    await writable(primary);
    await vi.waitFor(async () => expect((await wrote()).status).toBe(200), WAIT);
  }, 180_000);

  test('[M30] [PG20] a server that starts at a standby, or a primary that is read-only, waits until it takes writes, and says why', async () => {
    const standby = await newStandby();
    const starter = await createServerProcess(standby.url());
    const starting = starter.start();
    const settled = starting.catch(() => undefined);
    try {
      await vi.waitFor(() => expect(starter.output()).toContain('It is a standby'), WAIT);
      await vi.waitFor(async () => expect((await ask(starter, 'GET /livez')).status).toBe(200), WAIT);
      expect((await ask(starter, 'GET /readyz')).status).toBe(503);
      await query(standby, 'alter system set default_transaction_read_only = on', 'select pg_reload_conf()');
      await query(standby, 'select pg_promote()');
      await vi.waitFor(() => expect(starter.output()).toContain('It is read-only'), WAIT);
      expect((await ask(starter, 'GET /readyz')).status).toBe(503);
      await writable(standby);
      await starting;
      await touch(starter);
    } finally {
      await starter.end('SIGKILL');
      await settled;
    }
  }, 180_000);

  test('[M42] [M43] where no server remembers, an SDK that knows more than the database is told of, and a new epoch takes it back', async () => {
    const standby = await newStandby();
    await cutOff(standby);
    const { epoch, revision: kept } = await standing();
    await kill(one, 'payments fail');
    await vi.waitFor(() => expect(reasons()).toEqual(['KILLED', 'KILLED']), WAIT);
    await Promise.all([one, other].map((server) => server.end('SIGKILL')));
    await primary.stop('immediate');
    proxy.moveTo(standby.url());
    await promote(standby);
    await Promise.all([one.start(), other.start()]);
    for (const server of [one, other]) {
      await vi.waitFor(async () => {
        expect(await told(server, 'GET /readyz')).toMatchObject({ environmentsBehindReaders: 1 });
      }, WAIT);
      const word = 'a reader knows revisions that the database does not have';
      await vi.waitFor(() => expect(server.output()).toContain(word), WAIT);
    }
    expect(await metric('dimmer_environments_behind_readers')).toBe(2);
    expect(await standing()).toEqual({ epoch, revision: kept });
    expect(reasons()).toEqual(['KILLED', 'KILLED']);

    await told(one, `POST ${PRODUCTION}/renew-epoch`, { json: { reason: 'the failover of today' } });
    await vi.waitFor(() => expect(reasons()).toEqual(['FALLTHROUGH', 'FALLTHROUGH']), WAIT);
    expect(revisions()).toEqual([kept, kept]);
    await vi.waitFor(async () => {
      expect(await metric('dimmer_environments_behind_readers')).toBe(0);
    }, WAIT);
    await expectKillReaches(programs);
  }, 180_000);

  async function newStandby(): Promise<PostgresCluster> {
    const standby = await primary.standby();
    clusters.push(standby);
    await standby.start();
    const [row] = await query(primary, 'select pg_current_wal_lsn()::text as at');
    const isThere = `select pg_last_wal_replay_lsn() >= '${row?.['at']}' as there`;
    await vi.waitFor(async () => expect(await query(standby, isThere)).toEqual([{ there: true }]), WAIT);
    return standby;
  }

  /** It hears of no more commits, and nobody waits for it. */
  async function cutOff(standby: PostgresCluster): Promise<void> {
    await query(standby, `alter system set primary_conninfo = ''`, 'select pg_reload_conf()');
    const receivers = 'select from pg_stat_wal_receiver';
    await vi.waitFor(async () => expect(await query(standby, receivers)).toEqual([]), WAIT);
  }

  async function promote(standby: PostgresCluster): Promise<void> {
    await query(standby, 'select pg_promote()');
    primary = standby;
  }

  async function standing(server = one): Promise<{ readonly epoch: string; readonly revision: number }> {
    const { epoch, revision } = await told<{ epoch: string; revision: number }>(server, `GET ${PRODUCTION}`);
    return { epoch, revision };
  }

  function kill(server: ServerProcess, reason: string): Promise<Written> {
    return told(server, `POST ${FLAG}/kill`, { json: { reason } });
  }

  /** It reaches everybody, and is lifted again. */
  async function expectKillReaches(readers: readonly Dimmer[]): Promise<void> {
    await kill(other, 'again');
    await vi.waitFor(() => expect(reasons()).toEqual(readers.map(() => 'KILLED')), WAIT);
    await told(one, `POST ${FLAG}/restore`, { json: { reason: 'fixed' } });
    await vi.waitFor(() => expect(reasons()).toEqual(readers.map(() => 'FALLTHROUGH')), WAIT);
  }

  function reasons(): readonly string[] {
    return programs.map((flags) => flags.detail('checkout', user, false).reason);
  }

  function revisions(): readonly (number | null)[] {
    return programs.map((flags) => flags.status().revision);
  }

  async function renewals(): Promise<readonly Renewal[]> {
    const { items } = await told<{ items: readonly Renewal[] }>(one, 'GET /api/v1/audit');
    return items.filter(({ action, actor }) => action === 'environment.renew-epoch' && actor === 'system');
  }

  /** Of both servers together. */
  async function metric(name: string): Promise<number> {
    const texts = await Promise.all(
      [one, other].map(async (server) => (await ask(server, 'GET /metrics')).text()),
    );
    return texts
      .map((text) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]))
      .reduce((sum, value) => sum + value, 0);
  }
});

/** Takes it back that a primary is read-only. */
async function writable(server: PostgresCluster): Promise<void> {
  await query(
    server,
    'set default_transaction_read_only = off',
    'alter system reset default_transaction_read_only',
    'select pg_reload_conf()',
  );
}

/** Runs statements on a connection of their own. @returns The rows of the last. */
async function query(
  { url }: PostgresCluster,
  ...statements: readonly string[]
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new Client({ connectionString: url() });
  client.on('error', () => {});
  await client.connect();
  try {
    let rows: readonly Readonly<Record<string, unknown>>[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}
