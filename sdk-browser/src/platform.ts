import type { Clock, FollowerTiming } from '@dimmer/follower';
import { DEFAULT_TIMING } from '@dimmer/follower';
import type { DimmerLogger } from './flags.ts';
import type { StoragePort } from './options.ts';
import type { ReportTiming } from './reporter.ts';
import { DEFAULT_REPORT_TIMING } from './reporter.ts';
import type { ChannelPort, LocksPort } from './tabs.ts';

/** What becomes of a page: the names of events of a window. */
export type PageEvent = 'visibilitychange' | 'pagehide' | 'pageshow' | 'online' | 'offline';

/** The page that this runs in. */
export interface PagePort {
  readonly isHidden: () => boolean;
  /** @returns Stops telling. */
  readonly watch: (hear: (event: PageEvent) => void) => () => void;
}

/** The browser as the SDK sees it. Tests bring their own. What an old browser does not have is `undefined`. */
export interface Platform {
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch, for what is written down and read by another page. */
  readonly wallNow: () => number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  /** A word that nobody else has. */
  readonly newId: () => string;
  readonly fetch: typeof globalThis.fetch;
  /** May throw: where storage is disabled, even to look at it does. */
  readonly storage: () => StoragePort | undefined;
  readonly logger: DimmerLogger;
  readonly page: PagePort;
  readonly locks: LocksPort | undefined;
  /** `undefined` where tabs cannot speak with each other. */
  readonly channel: ((name: string) => ChannelPort) | undefined;
  readonly timing: FollowerTiming;
  readonly reportTiming: ReportTiming;
  /** A hidden page keeps its stream for so long. */
  readonly hiddenAfterMs: number;
  /** Quiet time before new values are written to storage. */
  readonly saveDelayMs: number;
}

const PAGE_EVENTS: readonly PageEvent[] = ['visibilitychange', 'pagehide', 'pageshow', 'online', 'offline'];

/** Nothing of the browser is touched before it is needed, so that a server may render with it. */
export function browserPlatform(): Platform {
  return {
    clock: {
      now: () => performance.now(),
      after: (delayMs, call) => {
        const timer = setTimeout(call, delayMs);
        return () => clearTimeout(timer);
      },
    },
    wallNow: () => Date.now(),
    random: () => Math.random(),
    // Pages without TLS have no randomUUID.
    newId: () => Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2),
    fetch: (input, init) => globalThis.fetch(input, init),
    storage: () => globalThis.localStorage,
    logger: globalThis.console,
    page: { isHidden: () => globalThis.document?.hidden, watch },
    locks: globalThis.navigator?.locks,
    channel: globalThis.BroadcastChannel && ((name) => new BroadcastChannel(name)),
    timing: DEFAULT_TIMING,
    reportTiming: DEFAULT_REPORT_TIMING,
    hiddenAfterMs: 300_000,
    saveDelayMs: 1_000,
  };
}

function watch(hear: (event: PageEvent) => void): () => void {
  const stop = new AbortController();
  for (const name of PAGE_EVENTS) {
    globalThis.addEventListener?.(name, () => hear(name), { signal: stop.signal });
  }
  return () => stop.abort();
}
