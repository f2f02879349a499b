import type { ReportInput } from '@dimmer/schema/rest';
import { expect, test } from 'vitest';
import { ManualSchedule } from '../delivery/manual-schedule.fixture.ts';
import { InstanceRegistry } from './instance-registry.ts';

const HERE = { project: 'shop', environment: 'production' };
const THERE = { project: 'shop', environment: 'staging' };

test('[R3] an instance runs for 90 seconds after its last report', () => {
  const { time, registry } = world();
  registry.report(HERE, report('a'));
  time.pass(90_000);
  registry.expire();
  expect(idsOf(registry)).toEqual(['a']);
  time.pass(1);
  expect(idsOf(registry)).toEqual([]);
  registry.expire();
  expect(registry.size).toBe(0);
});

test('[R3] an instance runs as long as a stream of it is open, whatever it says', () => {
  const { time, registry } = world();
  const [first, second] = [registry.connected(HERE, 'a'), registry.connected(HERE, 'a')];
  time.pass(900_000);
  registry.expire();
  first();
  expect(idsOf(registry)).toEqual(['a']);
  second();
  expect(idsOf(registry)).toEqual([]);
});

test('[R3] a farewell ends it at once, and the end of its stream then harms nobody', () => {
  const { registry } = world();
  const ended = registry.connected(HERE, 'a');
  registry.report(HERE, report('a', { state: 'CLOSED' }));
  expect(idsOf(registry)).toEqual([]);
  ended();
  expect(idsOf(registry)).toEqual([]);
});

test('[R2] a batch counts once, also when others came in between', () => {
  const { registry } = world();
  expect(registry.report(HERE, report('a', {}, 'b1'))).toBe('counted');
  expect(registry.report(HERE, report('a', {}, 'b2'))).toBe('counted');
  expect(registry.report(HERE, report('a', { state: 'STALE' }, 'b1'))).toBe('repeated');
  const [instance] = registry.present(HERE);
  expect(instance).toMatchObject({ status: { state: 'STALE' }, dropped: { exposures: 2, events: 0 } });
});

test('[R7] a step that is told twice keeps its first moment', () => {
  const { time, registry } = world();
  const at = time.now();
  const step = { epoch: 'e1', from: 1, revision: 2, agoMs: 0 };
  registry.report(HERE, { ...report('a'), applied: [step] });
  time.pass(5_000);
  registry.report(HERE, { ...report('a'), applied: [{ ...step, agoMs: 4_000 }] });
  expect(registry.present(HERE)[0]?.applied).toEqual([{ epoch: 'e1', from: 1, revision: 2, at }]);
});

test('[R14] the newest eight refusals are kept, and one that is told twice is one', () => {
  const { time, registry } = world();
  const at = time.now() - 5;
  for (const revision of [2, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
    const problem = { code: 'MALFORMED', epoch: 'e1', from: 1, revision, message: 'odd', agoMs: 5 };
    registry.report(HERE, { ...report('a'), problems: [problem] });
  }
  const kept = registry.present(HERE)[0]?.problems;
  expect(kept?.map(({ revision }) => revision)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  expect(kept?.[0]).toEqual({ code: 'MALFORMED', epoch: 'e1', from: 1, revision: 3, message: 'odd', at });
});

test('[R4] an environment that is full turns new ones away and keeps those that it has', () => {
  const registry = new InstanceRegistry(new ManualSchedule(), { instancesMax: 2 });
  expect(['a', 'b', 'c', 'a'].map((id) => registry.report(HERE, report(id)))).toEqual([
    'counted',
    'counted',
    'full',
    'counted',
  ]);
  expect(registry.report(THERE, report('c'))).toBe('counted');
  expect(idsOf(registry)).toEqual(['a', 'b']);
});

function world(): { readonly time: ManualSchedule; readonly registry: InstanceRegistry } {
  const time = new ManualSchedule();
  return { time, registry: new InstanceRegistry(time) };
}

function idsOf(registry: InstanceRegistry): readonly string[] {
  return registry.present(HERE).map(({ id }) => id);
}

function report(id: string, status: Partial<ReportInput['status']> = {}, batch?: string): ReportInput {
  return {
    instance: { id, sdk: { name: 'sdk', version: '1' }, runningMs: 0 },
    status: {
      state: 'LIVE',
      mode: 'stream',
      epoch: 'e1',
      revision: 1,
      ageMs: 0,
      clockOffsetMs: null,
      ...status,
    },
    applied: [],
    problems: [],
    ...(batch !== undefined && {
      batch: { id: batch, exposures: [], events: [], dropped: { exposures: 1, events: 0 } },
    }),
  };
}
