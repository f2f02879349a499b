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

/** The page, for who watches over it. */
export interface PagePort {
  readonly isHidden: () => boolean;
}

/** What tabs decide with who leads, and speak with each other through. */
export interface TabsPort {
  readonly locks: () => LocksPort | undefined;
  readonly channel: (name: string) => ChannelPort;
}

/**
 * The browser as the SDK sees it. Tests bring their own; the ports of parts that are loaded later come with those parts,
 * where nobody brings others. What an old browser does not have, or does not allow here, may
 * be missing or throw when it is called.
 */
export interface Platform extends Clock, Partial<PagePort>, Partial<TabsPort> {
  /** Milliseconds since the Unix epoch, for what is written down and read by another page. */
  readonly wallNow: () => number;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  /** A word that nobody else has. */
  readonly newId: () => string;
  readonly fetch: typeof globalThis.fetch;
  readonly storage: () => StoragePort | undefined;
  readonly logger: DimmerLogger;
  /** Tells what becomes of the page. @returns Stops telling. */
  readonly watch: (name: PageEvent, hear: (event: { readonly type: string }) => void) => () => void;
  readonly timing?: FollowerTiming;
}

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
    watch(name, hear) {
      globalThis.addEventListener?.(name, hear);
      return () => globalThis.removeEventListener?.(name, hear);
    },
  };
}
