import type { Follower } from '@dimmer/follower';
import { PHASE } from '@dimmer/follower';
import type { ValueObject } from '@dimmer/schema';
import type { PageEvent, PagePort, Platform } from './platform.ts';
import type { StoredValues } from './stored-values.ts';

/** A hidden page keeps its stream for so long. */
const HIDDEN_AFTER_MS = 300_000;

const PAGE_EVENTS: readonly PageEvent[] = ['visibilitychange', 'pagehide', 'pageshow', 'online', 'offline'];

const BROWSER_PAGE: PagePort = {
  isHidden: () => globalThis.document?.hidden,
};

/** What is watched over, and what is done about it. */
export interface Watched {
  readonly following: () => Pick<Follower<ValueObject>, 'state' | 'close'>;
  /** Opens another stream, from these values. */
  readonly follow: (stored: StoredValues | null) => void;
  /** The page may not come back: what is not yet stored or told has its last chance. */
  readonly leave: () => void;
}

/**
 * Closes the stream of a page that is put away, or hidden for 5 minutes, and opens it again when the page is back; takes
 * the browser's word for its network.
 *
 * @returns Stops watching.
 */
export function watchPage(platform: Platform, { following, follow, leave }: Watched): () => void {
  const { after, isHidden, watch } = { ...BROWSER_PAGE, ...platform };
  let cancelHide: (() => void) | undefined;

  const sleep = (): void => following().close();

  function again(): void {
    const { snapshot, confirmedAt, resync } = following().state();
    const ageMs = platform.now() - (confirmedAt ?? 0);
    follow(snapshot && { snapshot, source: 'cache', ageMs, complete: !resync });
  }

  /** A page that stays hidden gives its stream back. */
  function hideLater(): void {
    cancelHide?.();
    if (isHidden()) cancelHide = after(HIDDEN_AFTER_MS, sleep);
  }

  /** What the browser knows of its network saves the waiting: for silence, or for the next attempt. */
  function hearNetwork(isOffline: boolean): void {
    const { phase, standing } = following().state();
    if (phase !== PHASE.closed && (isOffline || standing !== 'LIVE')) again();
  }

  function hear({ type }: { readonly type: string }): void {
    if (type === 'online' || type === 'offline') {
      hearNetwork(type === 'offline');
      return;
    }
    if (type === 'pagehide' || isHidden()) {
      leave();
      if (type === 'pagehide') sleep();
    } else if (following().state().phase === PHASE.closed) again();
    hideLater();
  }

  const unwatch = PAGE_EVENTS.map((name) => watch(name, hear));
  hideLater();
  return () => {
    for (const stop of unwatch) stop();
    cancelHide?.();
  };
}
