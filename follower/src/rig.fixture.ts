import type { Versioned } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import type {
  Effect,
  Happening,
  Moment,
  PollAnswer,
  StoredSnapshot,
  StreamEnd,
  StreamMessage,
} from './event.ts';
import { step } from './machine.ts';
import { pollBeside } from './polling.ts';
import type { Snapshot } from './snapshot.ts';
import type { FollowerState, Polling } from './state.ts';
import { deadlineOf, initialState, statusOf } from './state.ts';
import { DEFAULT_TIMING } from './timing.ts';
import type { Step } from './turn.ts';

export const a1 = { kind: 'flag', key: 'a', version: 1 };
export const a2 = { kind: 'flag', key: 'a', version: 2 };
export const b2 = { kind: 'flag', key: 'b', version: 2 };

/** A step of a follower that polls. */
export function polledStep(
  state: FollowerState<Versioned>,
  happening: Happening<Versioned>,
  moment: Moment,
): Step<Versioned> {
  return step(state, happening, moment, DEFAULT_TIMING, pollBeside);
}

/** A follower on a clock that moves only when a test moves it. */
export class Rig {
  state: FollowerState<Versioned> = initialState();
  effects: Effect<Versioned>[] = [];
  now = 0;
  random = 0.5;

  happen(happening: Happening<Versioned>): this {
    const moment = { now: this.now, random: this.random };
    const { state, effects } = polledStep(this.state, happening, moment);
    this.state = state;
    this.effects = [...effects];
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
    do this.pass((deadlineOf(this.state) ?? this.now) - this.now);
    while (this.state.phase === before.phase && this.state.standing === before.standing);
    return this;
  }

  /** Lets time pass up to the next deadline, whatever it is of. */
  tick(): this {
    return this.pass((deadlineOf(this.state) ?? this.now) - this.now);
  }

  /** Lets time pass up to the next poll. Attempts in between have no answer. */
  untilPoll(): this {
    const { number } = this.polling;
    while (this.tick().polling.number === number);
    return this;
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
    return phase === 'waiting' ? until - this.now : Number.NaN;
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
