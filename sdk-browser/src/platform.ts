import type { Clock, FollowerTiming } from '@dimmer/follower';
import type { DimmerLogger } from './flags.ts';
import type { StoragePort } from './options.ts';

/** What becomes of a page: the names of events of a window. */
export type PageEvent = 'visibilitychange' | 'pagehide' | 'pageshow' | 'online' | 'offline';

/** What holds a lock until its promise settles: `navigator.locks` fits. */
export interface LocksPort {
  readonly request: (
    name: string,
    options: { readonly signal: AbortSignal },
    held: () => Promise<void>,
  ) => Promise<unknown>;
}

/** Carries messages to all other tabs, in the order of each sender: a `BroadcastChannel` fits. */
export interface ChannelPort {
  onmessage: ((event: MessageEvent) => unknown) | null;
  readonly postMessage: (message: unknown) => void;
  readonly close: () => void;
}

/**
 * The browser as the SDK sees it. Tests bring their own. What an old browser does not have, or does not allow here, may
 * be missing or throw when it is called.
 */
export interface Platform extends Clock {
  /** Milliseconds since the Unix epoch, for what is written down and read by another page. */
  readonly wallNow: () => number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  /** A word that nobody else has. */
  readonly newId: () => string;
  readonly fetch: typeof globalThis.fetch;
  readonly storage: () => StoragePort | undefined;
  readonly logger: DimmerLogger;
  readonly isHidden: () => boolean;
  /** Tells what becomes of the page. @returns Stops telling. */
  readonly watch: (hear: (event: { readonly type: string }) => void) => () => void;
  readonly locks: () => LocksPort | undefined;
  /** What tabs speak with each other through. */
  readonly channel: (name: string) => ChannelPort;
  readonly timing?: FollowerTiming;
}

const PAGE_EVENTS: readonly PageEvent[] = ['visibilitychange', 'pagehide', 'pageshow', 'online', 'offline'];

/** Nothing of the browser is touched before it is needed, so that a server may render with it. */
export function browserPlatform(): Platform {
  return {
    now: () => performance.now(),
    after(delayMs, call) {
      const timer = setTimeout(call, delayMs);
      return () => clearTimeout(timer);
    },
    wallNow: Date.now,
    random: Math.random,
    // Pages without TLS have no randomUUID.
    newId: () => Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2),
    fetch: (input, init) => fetch(input, init),
    storage: () => localStorage,
    logger: console,
    isHidden: () => globalThis.document?.hidden,
    watch(hear) {
      const stop = new AbortController();
      for (const name of PAGE_EVENTS) globalThis.addEventListener?.(name, hear, { signal: stop.signal });
      return () => stop.abort();
    },
    locks: () => navigator.locks,
    channel: (name) => new BroadcastChannel(name),
  };
}
