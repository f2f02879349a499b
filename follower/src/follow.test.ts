import type { Cursor, Versioned } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import { expect, test } from 'vitest';
import type { PollAnswer, StreamMessage } from './event.ts';
import type { Follower } from './follow.ts';
import { follow } from './follow.ts';
import { pollsOf } from './polls.ts';
import type { Clock, FollowerPorts, SnapshotTransport, StreamSink } from './ports.ts';
import { modeOf, PHASE, statusOf } from './state.ts';

const a1 = { kind: 'flag', key: 'a', version: 1 };
const hello = { type: 'hello', protocol: 1, epoch: 'e1', revision: 1, mode: 'full', heartbeatMs: 15_000 };
const commit1 = { type: 'commit', revision: 1, digest: digestOfAll([a1]), committedAt: '' };

/** Moves only when it is told to. */
class VirtualClock implements Clock {
  #now = 0;
  #timers: { readonly at: number; readonly call: () => void }[] = [];

  readonly now = (): number => this.#now;

  readonly after = (delayMs: number, call: () => void): (() => void) => {
    const timer = { at: this.#now + delayMs, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  get pending(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.at);
      next.call();
    }
    this.#now = end;
  }
}

interface Opened {
  readonly cursor: Cursor | undefined;
  readonly sink: StreamSink;
  closed: boolean;
}

interface Asked {
  readonly cursor: Cursor | undefined;
  readonly answered: (answer: PollAnswer<Versioned>) => void;
  closed: boolean;
}

interface World {
  readonly clock: VirtualClock;
  readonly opened: Opened[];
  readonly asked: Asked[];
  readonly news: string[];
  readonly follower: Follower<Versioned>;
}

function world(overrides: Partial<FollowerPorts<Versioned>> = {}, hasPolls = true): World {
  const clock = new VirtualClock();
  const opened: Opened[] = [];
  const news: string[] = [];
  const asked: Asked[] = [];
  const follower: Follower<Versioned> = follow({
    clock,
    random: () => 0.5,
    transport: {
      open: (cursor, sink) => {
        const stream = { cursor, sink, closed: false };
        opened.push(stream);
        return () => {
          stream.closed = true;
        };
      },
    },
    decode: (_event, data) => ({ outcome: 'decoded', value: JSON.parse(data) as StreamMessage<Versioned> }),
    published: ({ snapshot }) => news.push(`published ${snapshot.revision}`),
    changed: (state) => news.push(statusOf(state)),
    ...overrides,
  });
  const snapshot: SnapshotTransport<Versioned> = {
    ask: (cursor, answered) => {
      const poll = { cursor, answered, closed: false };
      asked.push(poll);
      return () => {
        poll.closed = true;
      };
    },
  };
  if (hasPolls) follower.poll(pollsOf(snapshot));
  return { clock, opened, asked, news, follower };
}

function say(stream: Opened | undefined, ...messages: readonly object[]): void {
  for (const message of messages) stream?.sink.event('any', JSON.stringify(message));
}

test('a follower opens a stream, publishes what it brings and tells of its states', () => {
  const { opened, news, follower } = world();
  follower.start(null);
  say(opened[0], hello, { type: 'put', object: a1 }, commit1);
  expect(news).toEqual(['DEFAULTS', 'DEFAULTS', 'published 1', 'LIVE']);
});

test('[F30] a stream is closed before the next one is opened, and the next continues from the cursor', () => {
  const { clock, opened, follower } = world();
  follower.start(null);
  say(opened[0], hello, { type: 'put', object: a1 }, commit1);
  opened[0]?.sink.ended({ message: 'cut' });
  expect(opened).toMatchObject([{ closed: true }]);
  clock.advance(500);
  expect(opened).toMatchObject([{ closed: true }, { closed: false, cursor: { epoch: 'e1', revision: 1 } }]);
});

test('[F20, F32] until polls are here a heartbeat is a sign of life, and a goodbye comes out of turn', () => {
  const { clock, opened, follower } = world({}, false);
  follower.start(null);
  say(opened[0], hello, { type: 'put', object: a1 }, commit1);
  clock.advance(40_000);
  say(opened[0], { type: 'heartbeat', revision: 9, digest: 9, databaseAgeMs: 0 });
  clock.advance(40_000);
  expect(statusOf(follower.state())).toBe('LIVE');
  say(opened[0], { type: 'goodbye', reason: 'rebalancing', reconnectInMs: 0 });
  expect(follower.state()).toMatchObject({ standing: 'INTERRUPTED', resync: true });
});

test('[F32] any message moves the end of the silence, without a timer of its own', () => {
  const { clock, opened, follower } = world();
  follower.start(null);
  say(opened[0], hello, { type: 'put', object: a1 }, commit1);
  for (let i = 0; i < 20; i += 1) {
    clock.advance(15_000);
    say(opened[0], { type: 'heartbeat', revision: 1, digest: digestOfAll([a1]), databaseAgeMs: 0 });
    expect(clock.pending).toBe(1);
  }
  expect(opened).toMatchObject([{ closed: false }]);
  clock.advance(45_000);
  expect(opened[0]).toMatchObject({ closed: true });
});

test('[F5] closing leaves no timer and no stream', () => {
  const { clock, opened, follower } = world();
  follower.start(null);
  follower.close();
  expect(clock.pending).toBe(0);
  expect(opened).toMatchObject([{ closed: true }]);
  opened[0]?.sink.ended({ message: 'late' });
  clock.advance(1e7);
  expect(opened).toHaveLength(1);
});

test('[F5] a listener may close the follower amid a commit', () => {
  const made: World = world({ published: () => made.follower.close() });
  made.follower.start(null);
  say(made.opened[0], hello, { type: 'put', object: a1 }, commit1);
  expect(statusOf(made.follower.state())).toBe('CLOSED');
  expect(made.clock.pending).toBe(0);
});

test('[F38] a transport that fails while it opens is tried again', () => {
  const attempts: number[] = [];
  const made: World = world({
    transport: {
      open: (_cursor, sink) => {
        attempts.push(made.clock.now());
        sink.ended({ message: 'refused' });
        return () => undefined;
      },
    },
  });
  made.follower.start(null);
  made.clock.advance(10_000);
  expect(attempts).toEqual([0, 500, 1_500, 3_500, 7_500]);
});

test('[F41] a poll brings what a broken stream does not, and is gone when the stream is back', () => {
  const { clock, opened, asked, news, follower } = world();
  follower.start(null);
  say(opened[0], hello, { type: 'put', object: a1 }, commit1);
  opened[0]?.sink.ended({ message: 'cut' });
  clock.advance(51_000);
  expect(asked).toMatchObject([{ cursor: { epoch: 'e1', revision: 1 }, closed: false }]);
  asked[0]?.answered({ outcome: 'unchanged', ageMs: 0 });
  expect(modeOf(follower.state())).toBe('poll');
  clock.advance(30_000);
  expect(asked).toHaveLength(2);
  while (follower.state().phase !== PHASE.connecting) clock.advance(100);
  say(opened.at(-1), { ...hello, mode: 'none' });
  expect(news.at(-1)).toBe('LIVE');
  expect(asked[1]).toMatchObject({ closed: true });
});

test('[F5] closing gives up a poll that is under way', () => {
  const { clock, opened, asked, follower } = world();
  follower.start(null);
  say(opened[0], hello, { type: 'put', object: a1 }, commit1);
  clock.advance(60_000);
  expect(asked).toMatchObject([{ closed: false }]);
  follower.close();
  expect(asked).toMatchObject([{ closed: true }]);
  expect(clock.pending).toBe(0);
});
