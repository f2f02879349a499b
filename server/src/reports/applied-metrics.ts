import type { Registry } from 'prom-client';
import { Histogram } from 'prom-client';
import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import { registerReadings } from '../platform/metrics.ts';
import type { AppliedMoment, Instance } from './instance.ts';
import { receiptOf } from './receipt.ts';

/** From a kill that is told at once to an instance that was away for minutes, in seconds. */
const APPLY_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Commits per environment whose time is remembered: what SDKs tell of is nearly always the last few. */
const COMMITS_REMEMBERED = 64;

/** Where an environment is. */
export interface EnvironmentMoment {
  readonly environment: EnvironmentRef;
  readonly epoch: string;
  readonly revision: number;
  /** ISO 8601, of the revision. */
  readonly committedAt: string;
}

/** From a commit to the SDKs that have applied it, as they tell themselves. */
export interface AppliedLag {
  /** An environment has reached a revision. */
  moved(moment: EnvironmentMoment): void;
  /** An instance has left one revision for another. */
  applied(environment: EnvironmentRef, moment: AppliedMoment, startedAt: number): void;
}

/**
 * An instance that started after the commit is left out, as in a receipt: it never served what was before. So is a commit
 * that is too old to be remembered.
 */
export function registerAppliedLag(registry: Registry): AppliedLag {
  const seconds = new Histogram({
    name: 'dimmer_apply_lag_seconds',
    help: 'From a commit to an SDK that has applied it, as the SDKs report.',
    buckets: APPLY_SECONDS,
    registers: [registry],
  });
  const committed = new Map<string, Map<string, number>>();
  return {
    moved: ({ environment, epoch, revision, committedAt }) => {
      const times = committed.get(nameOf(environment)) ?? new Map<string, number>();
      committed.set(nameOf(environment), times);
      times.set(`${epoch}:${revision}`, Date.parse(committedAt));
      const [oldest] = times.keys();
      if (times.size > COMMITS_REMEMBERED && oldest !== undefined) times.delete(oldest);
    },
    applied: (environment, { epoch, revision, at }, startedAt) => {
      const committedAt = committed.get(nameOf(environment))?.get(`${epoch}:${revision}`);
      if (committedAt === undefined || startedAt > committedAt) return;
      seconds.observe(Math.max(0, at - committedAt) / 1000);
    },
  };
}

/** Registers how far the instances of each environment are, read when somebody collects it. */
export function registerReceiptMetrics(
  registry: Registry,
  readings: {
    readonly environments: () => Iterable<EnvironmentMoment>;
    readonly present: (environment: EnvironmentRef) => readonly Instance[];
    readonly clock: Clock;
  },
): void {
  registerReadings(registry, ['project', 'environment'], RECEIPT_GAUGES, function* () {
    const now = readings.clock.now();
    for (const { environment, epoch, revision, committedAt } of readings.environments()) {
      const since = Date.parse(committedAt);
      const subject = { epoch, revision, committedAt: since };
      const { instances, applied, complete } = receiptOf(subject, readings.present(environment), now);
      yield {
        labels: { ...environment },
        values: {
          dimmer_receipt_instances: instances,
          dimmer_receipt_stragglers: instances - applied,
          dimmer_receipt_incomplete_seconds: complete ? 0 : Math.max(0, now - since) / 1000,
        },
      };
    }
  });
}

const RECEIPT_GAUGES = {
  dimmer_receipt_instances: 'Running SDKs that the receipt of the newest revision counts.',
  dimmer_receipt_stragglers: 'Of these, those that have not applied it.',
  dimmer_receipt_incomplete_seconds:
    'How long ago it was committed while there are stragglers; 0: there are none.',
} as const;
