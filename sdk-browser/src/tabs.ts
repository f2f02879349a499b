import type { StreamSink, StreamTransport } from '@dimmer/follower';
import type { Cursor } from '@dimmer/schema';
import type { Platform, TabsPort } from './platform.ts';
import type { StreamEvent, TabMessage, TabRelay } from './tab-relay.ts';
import { tabRelay } from './tab-relay.ts';
import type { Values } from './values.ts';

/** Streams of a tab, from the server or from another tab. */
export interface SharedStream extends StreamTransport {
  /** Lets another tab lead. */
  readonly close?: () => void;
}

const BROWSER_TABS: TabsPort = {
  locks: () => navigator.locks,
  channel: (name) => new BroadcastChannel(name),
};

const MOVE_ON: StreamEvent = ['goodbye', JSON.stringify({ reason: 'rebalancing', reconnectInMs: 0 })];

/**
 * One stream for all tabs, where they can speak with each other. Whoever holds the lock leads: it streams, and plays the
 * server for the others, whose followers see the messages of a server. The browser gives the lock to another tab when the
 * leading one is gone.
 *
 * Other tabs hear whole commits, so that one that joins in between misses nothing.
 *
 * @param name - Tabs with the same name ask the same server for the same context with the same key.
 * @param own - The stream of the tab that leads.
 * @param current - What is here: the leading tab answers others from it.
 * @throws Where the browser does not allow tabs to speak with each other.
 */
export function shareTabs(
  name: string,
  own: StreamTransport,
  current: () => Values | null,
  platform: Platform,
): SharedStream {
  const { locks: locksOf, channel: channelOf, newId } = { ...BROWSER_TABS, ...platform };
  const locks = locksOf();
  if (!locks) return own;
  const channel = channelOf(name);
  const stop = new AbortController();
  let release: (() => void) | undefined;
  let isLeading = false;
  /** As a leader: the events of the stream go to others too. */
  let relay: TabRelay | undefined;
  /** As a member: who listens here, and the question that was asked for it. */
  let member:
    | { sink: StreamSink; cursor: Cursor | undefined; question: string; isWelcome: boolean }
    | undefined;
  let closeOwn: (() => void) | undefined;

  const post = (...message: TabMessage): void => channel.postMessage(message);

  function join(): void {
    if (!member) return;
    member.question = newId();
    post('join', member.question, member.cursor, member.cursor && current()?.digest);
  }

  function moveOn(): void {
    if (member?.isWelcome) member.sink.event(...MOVE_ON);
  }

  function lead(cursor: Cursor | undefined, sink: StreamSink): void {
    relay = tabRelay(sink, post, current);
    closeOwn = own.open(cursor, relay.sink);
  }

  function stopLeading(): void {
    closeOwn?.();
    relay?.end();
    closeOwn = relay = undefined;
  }

  channel.onmessage = ({ data }: { readonly data: TabMessage }) => {
    if (!isLeading) hearAsMember(data);
    else if (data[0] === 'join' && relay) relay.welcome(data[1], data[2], data[3]);
  };

  function hearAsMember(data: TabMessage): void {
    if (data[0] === 'live') {
      if (member?.isWelcome) moveOn();
      else join();
    } else if (data[0] === 'gone') moveOn();
    else if (data[0] === 'welcome' && member?.question === data[1]) {
      member.isWelcome = true;
      hear(data[2]);
    } else if (data[0] === 'events' && member?.isWelcome) hear(data[1]);
  }

  function hear(events: readonly StreamEvent[]): void {
    const listener = member;
    for (const event of events) if (member === listener) member?.sink.event(...event);
  }

  const held = async (): Promise<void> => {
    if (stop.signal.aborted) return;
    isLeading = true;
    const waiting = member;
    member = undefined;
    if (waiting?.isWelcome) waiting.sink.event(...MOVE_ON);
    else if (waiting) lead(waiting.cursor, waiting.sink);
    return new Promise((resolve) => {
      release = resolve;
    });
  };

  locks.request(name, { signal: stop.signal }, held).catch(() => {
    // Where locks are not allowed, every tab leads.
    if (!stop.signal.aborted) void held();
  });

  return {
    open(cursor, sink) {
      if (isLeading) lead(cursor, sink);
      else {
        member = { sink, cursor, question: '', isWelcome: false };
        join();
      }
      return () => {
        member = undefined;
        stopLeading();
      };
    },
    close() {
      member = undefined;
      stopLeading();
      stop.abort();
      release?.();
      channel.close();
    },
  };
}
