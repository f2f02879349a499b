import type { StreamTransport } from '@dimmer/follower';
import type { Platform } from './platform.ts';
import type { SharedStream } from './tabs.ts';
import type { Values } from './values.ts';

/** What decides who leads is loaded when a stream is wanted, and where tabs can speak with each other. */
export function sharedStream(
  name: string,
  own: StreamTransport,
  current: () => Values | null,
  { locks, channel, newId }: Platform,
): SharedStream {
  if (!locks || !channel) return { ...own, close: () => {} };
  let isClosed = false;
  const tabs = import('./tabs.ts')
    .then(({ shareTabs }): SharedStream => shareTabs({ name, own, current, locks, channel, newId }))
    .catch((): SharedStream => ({ ...own, close: () => {} }));

  return {
    open(cursor, sink) {
      let close: (() => void) | undefined;
      let isStopped = false;
      void tabs.then(({ open }) => {
        if (!isStopped) close = open(cursor, sink);
      });
      return () => {
        isStopped = true;
        close?.();
      };
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      void tabs.then(({ close }) => close());
    },
  };
}
