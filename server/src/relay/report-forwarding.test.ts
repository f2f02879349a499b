import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { REPORT_LIMITS } from '@dimmer/schema';
import type { ReportInput } from '@dimmer/schema/rest';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { ManualSchedule, settle } from '../delivery/manual-schedule.fixture.ts';
import { systemRandom } from '../platform/random.ts';
import { LIGHT_BYTES_MAX } from '../reports/report-admission.ts';
import { reportRoutes } from '../reports/report-routes.ts';
import type { ToldReport } from '../reports/told-report.ts';
import { createReportForwarding } from './report-forwarding.ts';
import { WAITING_CHARACTERS_MAX } from './report-queue.ts';
import type { Sending } from './report-sender.ts';

const HERE = { project: 'shop', environment: 'production' };

interface Sent {
  readonly reports: readonly { readonly via: string; readonly heldMs: number; readonly report: object }[];
  readonly clients: readonly object[];
  readonly connected: readonly string[];
}

function world(answer: () => Sending = () => ({ outcome: 'taken' })) {
  const time = new ManualSchedule();
  const sent: Sent[] = [];
  const metrics = new Registry();
  const forwarding = createReportForwarding({
    name: 'eu-west',
    senderOf: ({ environment }) =>
      environment !== HERE.environment
        ? undefined
        : async (json) => {
            sent.push(JSON.parse(json) as Sent);
            return answer();
          },
    clock: time,
    random: systemRandom,
    schedule: time,
    log: pino({ level: 'silent' }),
    metrics,
  });
  const pass = async (ms: number): Promise<void> => {
    time.pass(ms);
    await settle();
  };
  return { time, sent, metrics, forwarding, pass };
}

function toldBy(id: string, fields: Partial<ReportInput> = {}, raw: object = {}): ToldReport {
  const report: ReportInput = {
    instance: { id, sdk: { name: '@dimmer/node', version: '1' }, runningMs: 5 },
    status: { state: 'LIVE', mode: 'stream', epoch: 'e', revision: 1, ageMs: 0, clockOffsetMs: null },
    applied: [],
    problems: [],
    ...fields,
  };
  return { report, raw: { ...report, ...raw } };
}

const EMPTY_BATCH = { exposures: [], events: [], dropped: { exposures: 1, events: 0 } };

/** Nine of them, and as many batches, fill a body. */
function largeReport(id: string): object {
  return { ...(toldBy(id).raw as object), ballast: 'x'.repeat(100_000) };
}

function idOf(report: object): unknown {
  return Reflect.get(Reflect.get(report, 'instance') as object, 'id');
}

const STEP = { epoch: 'e', from: 1, revision: 2, agoMs: 3 };

test('[RL12] a report of a revision, without counts, goes after 50 ms, any other after a second', async () => {
  const { sent, forwarding, pass } = world();
  forwarding.take(HERE, toldBy('idle'));
  forwarding.take(HERE, toldBy('killed', { applied: [STEP] }));
  await pass(50);
  expect(sent.map(({ reports }) => reports)).toMatchObject([
    [{ via: 'eu-west', heldMs: 50, report: { instance: { id: 'killed' }, applied: [STEP] } }],
  ]);
  await pass(950);
  expect(sent[1]?.reports).toMatchObject([{ report: { instance: { id: 'idle' } } }]);
});

test('[RL12] reports of a kill go in bundles that a server takes which sheds reports (R11)', async () => {
  const { sent, forwarding, pass } = world();
  for (let index = 0; index < 200; index += 1) {
    const application = { name: 'shop', build: 'a81f2c9' };
    const instance = { id: randomUUID(), sdk: { name: '@dimmer/node', version: '0.1.0' }, application };
    const agoMs = Math.random() * 500;
    const told = toldBy('', { applied: [{ ...STEP, agoMs }] }, {});
    const raw = {
      ...(told.raw as object),
      instance: { ...instance, host: `node-${index}`, runningMs: agoMs * 1e4 },
    };
    forwarding.take(HERE, { ...told, raw });
  }
  await pass(50);
  for (let turn = 0; turn < 4; turn += 1) await pass(50);
  expect(sent.map(({ reports }) => reports.length)).toEqual([64, 64, 64, 8]);
  for (const bundle of sent) {
    expect(gzipSync(JSON.stringify(bundle)).byteLength).toBeLessThan(LIGHT_BYTES_MAX);
  }
});

test('[RL12] a report is handed on as it came, and tells of the relay that was told first', async () => {
  const { sent, forwarding, pass } = world();
  const told = toldBy('a', {}, { later: { than: 'this build' } });
  forwarding.take(HERE, { ...told, forwarded: { via: 'inner', heldMs: 70 } });
  await pass(1_000);
  expect(sent[0]?.reports).toMatchObject([
    { via: 'inner', heldMs: 1_070, report: { later: { than: 'this build' } } },
  ]);
});

test('[RL12] what browsers count is handed on once', async () => {
  const { sent, forwarding, pass } = world();
  const batch = { id: 'b1', exposures: [], events: [], dropped: { exposures: 1, events: 0 } };
  const told = { instance: 'page', batch, forwarded: false };
  expect([1, 2].map(() => forwarding.takeFromClient(HERE, told))).toEqual(['counted', 'repeated']);
  await pass(1_000);
  expect(sent.map(({ clients }) => clients)).toEqual([[{ instance: 'page', batch }]]);
});

test('[RL12] when the room is full, instances keep their reports; it is given back', async () => {
  let isAway = true;
  const { forwarding, metrics, pass } = world(() =>
    isAway ? { outcome: 'failed', retryAfterMs: 0 } : { outcome: 'taken' },
  );
  const large = toldBy('a', {}, { ballast: 'x'.repeat(WAITING_CHARACTERS_MAX / 2 - 1_000) });
  expect([1, 2, 3].map(() => forwarding.take(HERE, large))).toEqual(['counted', 'counted', 'full']);
  expect(forwarding.roomForBundle()).toBeUndefined();
  isAway = false;
  for (let turn = 0; turn < 5; turn += 1) await pass(1_000);
  forwarding.roomForBundle()?.();
  expect(forwarding.take(HERE, large)).toBe('counted');
  expect(await metrics.metrics()).toContain('dimmer_relay_reports_total{outcome="taken"} 2');
});

test('[RL17] bundles of other relays that come together are each taken whole, or kept by their relay', async () => {
  let isAway = true;
  const { sent, forwarding, pass } = world(() =>
    isAway ? { outcome: 'failed', retryAfterMs: 0 } : { outcome: 'taken' },
  );
  const almostAll = WAITING_CHARACTERS_MAX - 2 * REPORT_LIMITS.bodyBytes;
  forwarding.take(HERE, toldBy('own', {}, { ballast: 'x'.repeat(almostAll) }));
  const routes = reportRoutes(forwarding, (c, next) => {
    c.set('environment', HERE);
    return next();
  });
  const ids = ['a', 'b', 'c', 'd'].map((relay) =>
    Array.from({ length: 9 }, (_, index) => `${relay}${index}`),
  );
  const answers = ids.map(async (instances, index) => {
    const reports = instances.map((id) => ({ via: 'inner', heldMs: 0, report: largeReport(id) }));
    const clients = instances.map((instance) => ({ instance, batch: { ...EMPTY_BATCH, id: 'b1' } }));
    const body = JSON.stringify({ id: `bundle-${index}`, reports, clients, connected: [] });
    return routes.request('/report', { method: 'POST', body });
  });
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  isAway = false;
  for (let turn = 0; turn < 100; turn += 1) await pass(1_000);
  const handedOn = sent.flatMap(({ reports }) => reports.map(({ report }) => idOf(report)));
  const counted = sent.flatMap(({ clients }) => clients.map((client) => Reflect.get(client, 'instance')));
  for (const [index, instances] of ids.entries()) {
    const expected = statuses[index] === 202 ? instances : [];
    expect(instances.filter((id) => handedOn.includes(id))).toEqual(expected);
    expect(instances.filter((id) => counted.includes(id))).toEqual(expected);
  }
  expect([...new Set(statuses)].sort()).toEqual([202, 429]);
});

test('[RL12] a browser keeps what there is no room for, and is heard when it comes again', async () => {
  let isAway = true;
  const { sent, forwarding, pass } = world(() =>
    isAway ? { outcome: 'failed', retryAfterMs: 0 } : { outcome: 'taken' },
  );
  const large = toldBy('a', {}, { ballast: 'x'.repeat(WAITING_CHARACTERS_MAX - 500) });
  forwarding.take(HERE, large);
  const exposures = [{ flag: 'x'.repeat(200), variation: null, reason: 'OFF', count: 1 }];
  const batch = { id: 'b1', exposures, events: [], dropped: { exposures: 0, events: 0 } };
  const told = { instance: 'page', batch, forwarded: false };
  expect(forwarding.takeFromClient(HERE, told)).toBe('full');
  isAway = false;
  for (let turn = 0; turn < 5; turn += 1) await pass(1_000);
  expect(forwarding.takeFromClient(HERE, told)).toBe('counted');
  await pass(1_000);
  expect(sent.at(-1)?.clients).toEqual([{ instance: 'page', batch }]);
});

test('[RL12] of an environment that is not followed nothing is taken', () => {
  const { forwarding } = world();
  expect(forwarding.take({ ...HERE, environment: 'staging' }, toldBy('a'))).toBe('full');
});

test('[RL13] who says nothing and has a stream open is told of, also behind another relay', async () => {
  const { sent, forwarding, pass } = world();
  for (const id of ['hung', 'talks', 'left']) forwarding.take(HERE, toldBy(id));
  const ended = ['hung', 'talks', 'left'].map((id) => forwarding.registry.connected(HERE, id));
  ended[2]?.();
  const forwarded = { via: 'inner', heldMs: 0 };
  forwarding.take(HERE, { ...toldBy('hung behind'), forwarded });
  await pass(31_000);
  forwarding.take(HERE, toldBy('talks'));
  forwarding.takeConnected(HERE, ['hung behind']);
  await pass(30_000);
  await pass(1_000);
  expect(sent.flatMap(({ connected }) => connected).sort()).toEqual(['hung', 'hung behind']);
});
