import type { ReportInput } from '@dimmer/schema/rest';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { ManualSchedule } from '../delivery/manual-schedule.fixture.ts';
import { ExposureRollup } from './exposure-rollup.ts';
import { InstanceRegistry } from './instance-registry.ts';
import { RepeatedBatches } from './repeated-batches.ts';
import { registerReportMetrics } from './report-metrics.ts';
import { takeClientBatch, takeReport } from './take-counts.ts';

const HERE = { project: 'shop', environment: 'production' };

/** With room for one row. */
function world() {
  const clock = new ManualSchedule();
  const rollup = new ExposureRollup({ rows: 1, counts: 100 });
  const registry = new InstanceRegistry(clock);
  const metrics = registerReportMetrics(new Registry(), {
    instances: () => 0,
    exposuresDropped: () => rollup.dropped,
    queues: () => ({
      dimmer_reports_under_way: 0,
      dimmer_reports_under_way_bytes: 0,
      dimmer_reports_waiting: 0,
      dimmer_exposure_rows_waiting: 0,
    }),
  });
  return { rollup, registry, ports: { registry, rollup, repeated: new RepeatedBatches(), metrics, clock } };
}

function batchWith(id: string, flag: string): NonNullable<ReportInput['batch']> {
  const exposures = [{ flag, variation: 'on', reason: 'SPLIT', count: 1 }];
  return { id, exposures, events: [], dropped: { exposures: 0, events: 0 } };
}

function reportWith(batch: ReportInput['batch'], revision: number): ReportInput {
  return {
    instance: { id: 'web-1', sdk: { name: '@dimmer/node', version: '1' }, runningMs: 5 },
    status: { state: 'LIVE', mode: 'stream', epoch: 'e', revision, ageMs: 0, clockOffsetMs: null },
    applied: [],
    problems: [],
    ...(batch && { batch }),
  };
}

test('[R9] a report is refused where its counts have no room, the instance is heard, and the batch counts when it comes again', () => {
  const { rollup, registry, ports } = world();
  const take = (revision: number, batch?: ReportInput['batch']) =>
    takeReport(ports, HERE, { report: reportWith(batch, revision), raw: {} });
  expect(take(1, batchWith('1', 'a'))).toBe('counted');
  expect(take(2, batchWith('2', 'b'))).toBe('full');
  expect(registry.find(HERE, 'web-1')?.status?.revision).toBe(2);
  expect(take(3)).toBe('counted');
  rollup.take();
  expect(take(4, batchWith('2', 'b'))).toBe('counted');
  expect(rollup.take()?.toAdd(0).countsWithout(new Set())).toMatchObject([{ flag: 'b', count: 1 }]);
});

test('[R9] what a browser counted is refused where there is no room, and counts when it comes again', () => {
  const { rollup, ports } = world();
  const take = (batch: ReturnType<typeof batchWith>) =>
    takeClientBatch(ports, HERE, { instance: 'page', batch, forwarded: false });
  expect(take(batchWith('1', 'a'))).toBe('counted');
  expect(take(batchWith('2', 'b'))).toBe('full');
  rollup.take();
  expect(take(batchWith('2', 'b'))).toBe('counted');
  rollup.take();
  expect(take(batchWith('2', 'b'))).toBe('repeated');
  expect(rollup.rows).toBe(0);
});

test('[R9] what comes in a bundle is never refused in part: where there is no room it is dropped and counted', () => {
  const { rollup, ports } = world();
  const forwarded = { via: 'relay-1', heldMs: 0 };
  const take = (batch: ReturnType<typeof batchWith>) =>
    takeReport(ports, HERE, { report: reportWith(batch, 1), raw: {}, forwarded });
  expect([take(batchWith('1', 'a')), take(batchWith('2', 'b'))]).toEqual(['counted', 'counted']);
  expect(rollup.dropped).toBe(1);
});
