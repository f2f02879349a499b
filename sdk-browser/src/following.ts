import type { FollowerPorts, FollowerState, StoredSnapshot } from '@dimmer/follower';
import { follow, pollsOf } from '@dimmer/follower';
import type { ValueObject } from '@dimmer/schema';
import { decodeValueMessage } from '@dimmer/schema';
import type { Platform } from './platform.ts';
import type { Post } from './server.ts';
import { evaluation, eventStream, noStream } from './server.ts';
import { sharedStream } from './tab-stream.ts';
import type { Values } from './values.ts';

/** What it takes to follow the values of one context. */
export interface FollowingOptions {
  readonly platform: Platform;
  readonly post: Post;
  /** The context, and its hash in secure mode. */
  readonly who: object;
  /** Tabs with the same name share a stream; `undefined`: this one has its own. */
  readonly tabsName: string | undefined;
  readonly streaming: boolean;
  readonly published: FollowerPorts<ValueObject>['published'];
  readonly changed: () => void;
}

/** The values of one context, followed until closed. */
export interface Following {
  /** Once. */
  readonly start: (stored: StoredSnapshot<ValueObject> | null) => void;
  readonly state: () => FollowerState<ValueObject>;
  readonly isClosed: () => boolean;
  readonly close: () => void;
}

export function following(options: FollowingOptions): Following {
  const { platform, post, who, tabsName, streaming, published, changed } = options;
  const { clock, random, timing } = platform;
  const current = (): Values | null => follower.state().snapshot;
  const server = { post, who, current };
  const own = streaming ? eventStream(server) : noStream;
  const transport =
    streaming && tabsName ? sharedStream(tabsName, own, current, platform) : { ...own, close: () => {} };
  const snapshot = evaluation(server);
  const decode = decodeValueMessage;
  const follower = follow({ clock, random, transport, decode, published, changed }, timing);
  follower.poll(pollsOf(snapshot));
  return {
    start: follower.start,
    state: follower.state,
    isClosed: () => follower.state().phase === 'closed',
    close() {
      follower.close();
      transport.close();
    },
  };
}
