import type { Cursor, Decoded, Versioned } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import { leaveCutOff } from './cut-off.ts';
import type { Moment, PollAnswer, Publication, StoredSnapshot, StreamEnd, StreamMessage } from './event.ts';
import type { Reaction } from './machine.ts';
import { close, ofAttempt, onEnded, start, step, tick } from './machine.ts';
import { pollBeside, polled } from './polling.ts';
import { onMessage } from './receive.ts';
import { onLaterMessage } from './receive-later.ts';
import type { Snapshot } from './snapshot.ts';
import type { FollowerState, Polling } from './state.ts';
import { cursorOf, deadlineOf, initialState, isLive, isOnline, PHASE, statusOf } from './state.ts';
import { STREAM_TIMING } from './timing.ts';

export const a1 = { kind: 'flag', key: 'a', version: 1 };
export const a2 = { kind: 'flag', key: 'a', version: 2 };
export const b2 = { kind: 'flag', key: 'b', version: 2 };

/** What may happen, written down. */
export type Happening =
  | { readonly type: 'start'; readonly stored: StoredSnapshot<Versioned> | null }
  | {
      readonly type: 'message';
      readonly attempt: number;
      readonly decoded: Decoded<StreamMessage<Versioned>>;
      readonly size: number;
    }
  | { readonly type: 'retry'; readonly attempt: number; readonly delayMs: number }
  | { readonly type: 'ended'; readonly attempt: number; readonly end: StreamEnd }
  | { readonly type: 'polled'; readonly poll: number; readonly answer: PollAnswer<Versioned> }
  | { readonly type: 'tick' }
  | { readonly type: 'close' };

/** What the machine makes of it. */
function reactionTo(happening: Happening): Reaction<Versioned> {
  switch (happening.type) {
    case 'start':
      return start(happening.stored);
    case 'message':
      return ofAttempt(happening.attempt, (turn) =>
        onMessage(turn, happening.decoded, happening.size, onLaterMessage),
      );
    case 'retry':
      return ofAttempt(happening.attempt, (turn) => {
        turn.askedMs = happening.delayMs;
      });
    case 'ended':
      return ofAttempt(happening.attempt, (turn) => onEnded(turn, happening.end));
    case 'polled':
      return polled(happening.poll, happening.answer);
    case 'tick':
      return tick;
    case 'close':
      return close;
  }
}

/** A step of a follower that does not poll. */
export function plainStep(
  state: FollowerState<Versioned>,
  happening: Happening,
  moment: Moment,
): FollowerState<Versioned> {
  return step(state, reactionTo(happening), moment, STREAM_TIMING);
}

/** A step of a follower that polls. */
export function polledStep(
  state: FollowerState<Versioned>,
  happening: Happening,
  moment: Moment,
): FollowerState<Versioned> {
  return step(state, reactionTo(happening), moment, STREAM_TIMING, (turn, before) => {
    leaveCutOff(turn, before);
    pollBeside(turn, before);
  });
}

/** What a runner has to do. */
export type Effect =
  | { readonly type: 'connect'; readonly attempt: number; readonly cursor: Cursor | undefined }
  | { readonly type: 'disconnect' }
  | { readonly type: 'poll'; readonly poll: number; readonly cursor: Cursor | undefined }
  | { readonly type: 'abandon' }
  | { readonly type: 'publish'; readonly publication: Publication<Versioned> };

/** What differs between a state and the next, as what is to be done about it. */
export function effectsOf(
  before: FollowerState<Versioned>,
  after: FollowerState<Versioned>,
  happening: Happening,
): Effect[] {
  const { snapshot, source, kill, attempt, polling } = after;
  const cursor = cursorOf(after);
  const effects: Effect[] = [];
  if (snapshot && snapshot !== before.snapshot) {
    effects.push({ type: 'publish', publication: { snapshot, source, kill } });
  }
  if (isOnline(before) && !isOnline(after)) effects.push({ type: 'disconnect' });
  if (attempt !== before.attempt) effects.push({ type: 'connect', attempt, cursor });
  const [asked, asking] = [before.polling?.asking, polling?.asking];
  if (asked && asked !== asking && happening.type !== 'polled') effects.push({ type: 'abandon' });
  if (polling && asking && asked !== asking) effects.push({ type: 'poll', poll: polling.number, cursor });
  return effects;
}

/** A follower on a clock that moves only when a test moves it. */
export class Rig {
  state: FollowerState<Versioned> = initialState();
  effects: Effect[] = [];
  now = 0;
  random = 0.5;

  happen(happening: Happening): this {
    const moment = { now: this.now, random: this.random };
    const before = this.state;
    this.state = polledStep(before, happening, moment);
    this.effects = effectsOf(before, this.state, happening);
    return this;
  }

  start(stored: StoredSnapshot<Versioned> | null = null): this {
    return this.happen({ type: 'start', stored });
  }

  say(...messages: readonly StreamMessage<Versioned>[]): this {
    for (const value of messages) {
      const { attempt } = this.state;
      this.happen({ type: 'message', attempt, decoded: { outcome: 'decoded', value }, size: 1 });
    }
    return this;
  }

  end(status?: number, retryAfterMs?: number): this {
    return this.happen({ type: 'ended', attempt: this.state.attempt, end: endOf(status, retryAfterMs) });
  }

  pass(ms: number): this {
    this.now += ms;
    return this.happen({ type: 'tick' });
  }

  /** Lets time pass up to the next deadline of the stream. Polls beside it have no answer. */
  wait(): this {
    const before = this.state;
    do this.pass(deadlineOf(this.state) - this.now);
    while (this.state.phase === before.phase && this.state.standing === before.standing);
    return this;
  }

  /** Lets time pass up to the next deadline, whatever it is of. */
  tick(): this {
    return this.pass(deadlineOf(this.state) - this.now);
  }

  /** Lets time pass up to the next poll. Attempts in between have no answer. */
  untilPoll(): this {
    const { number } = this.polling;
    while (this.tick().polling.number === number);
    return this;
  }

  /** A server that lost its database 45 s before the beginning beats until it is left. @returns How long it was kept. */
  untilLeft(): number {
    const from = this.now;
    do this.say(agedHeartbeat(this.now + 45_000)).pass(Math.min(15_000, this.state.until - this.now));
    while (isLive(this.state));
    return this.now - from;
  }

  /** The poll under way is answered. */
  answer(answer: PollAnswer<Versioned>): this {
    return this.happen({ type: 'polled', poll: this.polling.number, answer });
  }

  bring(revision: number, ...objects: readonly Versioned[]): this {
    return this.answer({ outcome: 'snapshot', snapshot: snapshot(revision, ...objects), ageMs: 0 });
  }

  fail(status?: number, retryAfterMs?: number): this {
    return this.answer({ outcome: 'failed', end: endOf(status, retryAfterMs) });
  }

  get polling(): Polling {
    if (this.state.polling === null) throw new Error('nothing is polled yet');
    return this.state.polling;
  }

  get status(): string {
    return statusOf(this.state);
  }

  /** Time until the next attempt. */
  get delay(): number {
    const { phase, until } = this.state;
    return phase === PHASE.waiting ? until - this.now : Number.NaN;
  }

  /** Time until the next poll. */
  get pollDelay(): number {
    return this.polling.asking === null ? this.polling.until - this.now : Number.NaN;
  }

  get kinds(): readonly string[] {
    return this.effects.map(({ type }) => type);
  }
}

function endOf(status?: number, retryAfterMs?: number): StreamEnd {
  return {
    message: 'cut',
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

export function hello(
  mode: 'none' | 'delta' | 'full',
  revision: number,
  epoch = 'e1',
): StreamMessage<Versioned> {
  return { type: 'hello', protocol: 1, epoch, revision, mode, heartbeatMs: 15_000 };
}

export function put(object: Versioned): StreamMessage<Versioned> {
  return { type: 'put', object };
}

export function commit(revision: number, ...objects: readonly Versioned[]): StreamMessage<Versioned> {
  return { type: 'commit', revision, digest: digestOfAll(objects), committedAt: '2026-11-21T00:00:00Z' };
}

export function heartbeat(revision: number, ...objects: readonly Versioned[]): StreamMessage<Versioned> {
  return { type: 'heartbeat', revision, digest: digestOfAll(objects), databaseAgeMs: 20 };
}

export function goodbye(reconnectInMs: number): StreamMessage<Versioned> {
  return { type: 'goodbye', reason: 'draining', reconnectInMs };
}

/** At revision 1, of a server that was without its database for so long. */
export function agedHeartbeat(databaseAgeMs: number): StreamMessage<Versioned> {
  return { ...heartbeat(1, a1), databaseAgeMs } as StreamMessage<Versioned>;
}

export function snapshot(revision: number, ...objects: readonly Versioned[]): Snapshot<Versioned> {
  return {
    epoch: 'e1',
    revision,
    committedAt: '2026-11-21T00:00:00Z',
    digest: digestOfAll(objects),
    objects: new Map(objects.map((object) => [`${object.kind}/${object.key}`, object])),
  };
}

export function stored(complete: boolean): StoredSnapshot<Versioned> {
  return { snapshot: snapshot(1, a1), source: complete ? 'cache' : 'bootstrap', ageMs: 500, complete };
}

/** A follower that is live at revision 1 with one flag. */
export function live(): Rig {
  return new Rig().start().say(hello('full', 1), put(a1), commit(1, a1));
}
