import type { StreamSink } from '@dimmer/follower';
import type { Cursor } from '@dimmer/schema';
import type { Values } from './values.ts';

/** One SSE event: its name and its data. */
export type StreamEvent = readonly [name: string, data: string];

/**
 * What tabs say to each other. Lists, because tabs of two builds may speak with each other: the names of fields
 * differ between builds.
 */
export type TabMessage =
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

/** The stream of the tab that leads: it passes the stream on to its own follower, then to other tabs. */
export interface TabRelay {
  readonly sink: StreamSink;
  readonly welcome: (question: string, cursor: Cursor | undefined, digest: number | undefined) => void;
  readonly end: () => void;
}

/**
 * @param sink - Of the tab's own follower.
 * @param post - Speaks to the other tabs.
 * @param current - What is here: tabs that join are given it.
 */
export function tabRelay(
  sink: StreamSink,
  post: (...message: TabMessage) => void,
  current: () => Values | null,
): TabRelay {
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

  function greet(event: StreamEvent): void {
    const said = JSON.parse(event[1]) as { readonly mode: string };
    hello = said;
    // A live stream that crosses to another epoch, which the next commit belongs to.
    if (isLive) uncommitted.push(event);
    else if (said.mode === 'none') goLive();
  }

  function pass(event: StreamEvent): void {
    const name = event[0];
    if (name === 'hello') greet(event);
    else if (name === 'put' || name === 'delete') uncommitted.push(event);
    else tell(event, name === 'commit');
  }

  function tell(event: StreamEvent, isCommit: boolean): void {
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
