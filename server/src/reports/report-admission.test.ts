import { expect, test } from 'vitest';
import type { Schedule } from '../platform/schedule.ts';
import {
  BYTES_UNDER_WAY_MAX,
  LAG_MAX_MS,
  LIGHT_BYTES_MAX,
  REPORTS_UNDER_WAY_MAX,
  ReportAdmission,
  SHED_MS,
} from './report-admission.ts';

test('[R11] as many reports as the limit are read at once, and a place that is left is given again', () => {
  const { admission } = world();
  const places = Array.from({ length: REPORTS_UNDER_WAY_MAX }, () => admission.enter(10));
  expect(places.every((place) => place !== undefined)).toBe(true);
  expect(admission.enter(10)).toBeUndefined();
  places[0]?.();
  expect(admission.enter(10)).toBeDefined();
});

test('[R11] their bytes have a limit, and a length that is not told counts as the largest', () => {
  const { admission } = world();
  expect(admission.enter(BYTES_UNDER_WAY_MAX - 1_000)).toBeDefined();
  expect(admission.enter(undefined)).toBeUndefined();
  expect(admission.enter(1_000)).toBeDefined();
  expect(admission.enter(1)).toBeUndefined();
});

test('[R11] a loop that was late refuses all but light reports for a second', () => {
  const { admission, probe } = world();
  const heavy = LIGHT_BYTES_MAX + 1;
  probe(LAG_MAX_MS);
  expect(admission.enter(heavy)).toBeDefined();
  const passed = probe(LAG_MAX_MS + 1);
  expect([admission.enter(heavy), admission.enter(undefined)]).toEqual([undefined, undefined]);
  expect(admission.enter(LIGHT_BYTES_MAX)).toBeDefined();
  passed(SHED_MS);
  expect(admission.enter(heavy)).toBeDefined();
});

/** A loop whose probe comes as late as the test says. */
function world(): {
  readonly admission: ReportAdmission;
  readonly probe: (lateMs: number) => (durationMs: number) => void;
} {
  let now = 0;
  let period = 0;
  let run = (): void => {};
  const schedule: Pick<Schedule, 'every'> = {
    every: (periodMs, call) => {
      period = periodMs;
      run = call;
      return () => {};
    },
  };
  const admission = new ReportAdmission({ now: () => now }, schedule);
  return {
    admission,
    probe: (lateMs) => {
      now += period + lateMs;
      run();
      return (durationMs) => {
        now += durationMs;
      };
    },
  };
}
