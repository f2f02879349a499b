import type { Follower, FollowerPorts, FollowerState, StreamTransport } from '@dimmer/follower';
import { follow } from '@dimmer/follower';
import type { ValueObject } from '@dimmer/schema';
import { decodeValueMessage } from '@dimmer/schema';
import type { Platform } from './platform.ts';
import type { Question } from './server.ts';
import type { SharedStream } from './tabs.ts';

/** What the core does without at first. */
type Later = typeof import('./later.ts');

/** The values of one context, followed until closed. */
export type Following = Pick<Follower<ValueObject>, 'start' | 'state' | 'close'>;

/**
 * @param own - The stream of this tab.
 * @param tabsName - Tabs with the same name share a stream; none: this one has its own.
 * @param late - Hears of the watch over the page when it is loaded.
 */
export function following(
  platform: Platform,
  question: Question,
  own: StreamTransport,
  tabsName: string | false,
  published: FollowerPorts<ValueObject>['published'],
  changed: () => void,
  late: (watch: Later['watchPage']) => void,
): Following {
  // What decides who leads is loaded when a stream is wanted. Where tabs cannot share, every tab has its own.
  const stream: Promise<SharedStream> = (
    tabsName
      ? import('./tabs.ts').then(({ shareTabs }) => shareTabs(tabsName, own, question.current, platform))
      : Promise.reject()
  ).catch(() => own);
  let hasAll = false;

  /** The rest is loaded when the stream has had its first chance; where that fails, again with the next news. */
  function heard(state: FollowerState<ValueObject>): void {
    if (!hasAll && (state.failures || state.liveSince !== null)) {
      hasAll = true;
      import('./later.ts').then(
        (later) => {
          follower.poll(later.polls(question));
          late(later.watchPage);
        },
        () => {
          hasAll = false;
        },
      );
    }
    changed();
  }

  const transport: StreamTransport = {
    open(cursor, sink) {
      const stop = new AbortController();
      stream.then(({ open }) => {
        if (!stop.signal.aborted) stop.signal.addEventListener('abort', open(cursor, sink));
      });
      return () => stop.abort();
    },
  };
  const { random, timing } = platform;
  const ports = { clock: platform, random, transport, decode: decodeValueMessage, published, changed: heard };
  const follower = follow(ports, timing);
  return {
    ...follower,
    close() {
      follower.close();
      stream.then(({ close }) => close?.());
    },
  };
}
