import type { StreamSink, StreamTransport } from '@dimmer/follower';
import type { Cursor } from '@dimmer/schema';
import type { Platform, TabsPort } from './platform.ts';
import type { Values } from './values.ts';

/** Streams of a tab, from the server or from another tab. */
export interface SharedStream extends StreamTransport {
  /** Lets another tab lead. */
  readonly close?: () => void;
}

/** One SSE event: its name and its data. */
type StreamEvent = readonly [name: string, data: string];

/**
 * What tabs say to each other. Lists, because tabs of two builds may speak with each other: the names of fields
 * differ between builds.
 */
type TabMessage =
  /** A tab wants the stream; `question` is new each time, so that no answer is taken twice. */
  | readonly [type: 'join', question: string, cursor: Cursor | undefined, digest: number | undefined]
  /** What a tab asked for. */
  | readonly [type: 'welcome', question: string, events: readonly StreamEvent[]]
  /** For all who were welcomed. */
  | readonly [type: 'events', events: readonly StreamEvent[]]
  /** The leading tab is in step with the server: ask now. */
  | readonly [type: 'live']
  /** The leading tab has no stream at present. */
  | readonly [type: 'gone'];

const BROWSER_TABS: TabsPort = {
  locks: () => navigator.locks,
  channel: (name) => new BroadcastChannel(name),
};

const MOVE_ON: StreamEvent = ['goodbye', JSON.stringify({ reason: 'rebalancing', reconnectInMs: 0 })];

/**
 * One stream for all tabs, where they can speak with each other. Whoever holds the lock leads: it streams, and plays the server for the others, whose
 * followers see the messages of a server. The browser gives the lock to another tab when the leading one is gone.
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
  let relay: Relay | undefined;
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
    relay = relayOf(sink, post, current);
    closeOwn = own.open(cursor, relay.sink);
  }

  function stopLeading(): void {
    closeOwn?.();
    relay?.end();
    closeOwn = relay = undefined;
  }

  channel.onmessage = ({ data }: { readonly data: TabMessage }) => {
    if (isLeading) {
      if (data[0] === 'join' && relay) relay.welcome(data[1], data[2], data[3]);
    } else if (data[0] === 'live') {
      if (member?.isWelcome) moveOn();
      else join();
    } else if (data[0] === 'gone') moveOn();
    else if (data[0] === 'welcome' && member?.question === data[1]) {
      member.isWelcome = true;
      hear(data[2]);
    } else if (data[0] === 'events' && member?.isWelcome) hear(data[1]);
  };

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

/** Passes a stream on to its own tab, then to others. */
interface Relay {
  readonly sink: StreamSink;
  readonly welcome: (question: string, cursor: Cursor | undefined, digest: number | undefined) => void;
  readonly end: () => void;
}

function relayOf(
  sink: StreamSink,
  post: (...message: TabMessage) => void,
  current: () => Values | null,
): Relay {
  let hello: object = {};
  let isLive = false;
  let isOver = false;
  let uncommitted: StreamEvent[] = [];

  function end(): void {
    if (isLive && !isOver) post('gone');
    isOver = true;
  }

  function goLive(): void {
    isLive = true;
    post('live');
  }

  function pass(event: StreamEvent): void {
    const [name, data] = event;
    if (name === 'hello') {
      const said = JSON.parse(data) as { readonly mode: string };
      hello = said;
      // A live stream that crosses to another epoch, which the next commit belongs to.
      if (isLive) uncommitted.push(event);
      else if (said.mode === 'none') goLive();
      return;
    }
    if (name === 'put' || name === 'delete') {
      uncommitted.push(event);
      return;
    }
    const isCommit = name === 'commit';
    if (isLive) post('events', isCommit ? [...uncommitted, event] : [event]);
    else if (isCommit) goLive();
    if (isCommit) uncommitted = [];
  }

  return {
    sink: {
      event(name, data) {
        sink.event(name, data);
        // The follower of this tab may have closed the stream over it.
        if (!isOver) pass([name, data]);
      },
      retry: sink.retry,
      ended(ending) {
        end();
        sink.ended(ending);
      },
    },
    welcome(question, cursor, digest) {
      const values = current();
      if (isLive && values) post('welcome', question, transfer(values, hello, cursor, digest));
    },
    end,
  };
}

/** What a server would send to a reader that has what it says. */
function transfer(
  { epoch, revision, digest, committedAt, objects }: Values,
  /** What the server said to this tab. */
  said: object,
  cursor: Cursor | undefined,
  theirs: number | undefined,
): readonly StreamEvent[] {
  const isSame = cursor?.epoch === epoch && cursor.revision === revision && theirs === digest;
  const hello = { ...said, epoch, revision, mode: isSame ? 'none' : 'full' };
  const first: StreamEvent = ['hello', JSON.stringify(hello)];
  if (isSame) return [first];
  return [
    first,
    ...[...objects.values()].map((object): StreamEvent => ['put', JSON.stringify(object)]),
    ['commit', JSON.stringify({ revision, digest, committedAt })],
  ];
}
