import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock, FollowerTiming } from '@dimmer/follower';
import { DEFAULT_TIMING } from '@dimmer/follower';
import type { ReportTiming } from './report-timing.ts';
import { DEFAULT_REPORT_TIMING } from './report-timing.ts';

/** The machine as the SDK sees it: time, chance and a last place to warn. Tests bring their own. */
export interface Platform {
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch, for what is written down and read by another process. */
  readonly wallNow: () => number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly emitWarning: (message: string) => void;
  readonly timing: FollowerTiming;
  /** Quiet time before a new snapshot is written to the disk cache. */
  readonly cacheDelayMs: number;
  readonly reportTiming: ReportTiming;
  /** A word that nobody else has. */
  readonly newId: () => string;
  /** The name of this machine. */
  readonly host: () => string;
}

export const systemPlatform: Platform = {
  clock: {
    now: () => performance.now(),
    after: (delayMs, call) => {
      const timer = setTimeout(call, delayMs);
      return () => clearTimeout(timer);
    },
  },
  wallNow: () => Date.now(),
  random: () => Math.random(),
  emitWarning: (message) => process.emitWarning(message, { type: 'DimmerWarning' }),
  timing: DEFAULT_TIMING,
  cacheDelayMs: 1_000,
  reportTiming: DEFAULT_REPORT_TIMING,
  newId: () => randomUUID(),
  host: () => hostname(),
};
