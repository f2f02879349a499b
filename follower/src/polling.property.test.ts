import type { Versioned } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { retryDelayMs } from './backoff.ts';
import type { PollAnswer, StreamMessage } from './event.ts';
import type { Effect, Happening } from './rig.fixture.ts';
import { a1, effectsOf, hello, live, polledStep, snapshot } from './rig.fixture.ts';
import type { FollowerState } from './state.ts';
import { deadlineOf, initialState } from './state.ts';
import { arbitraryMessage } from './stream.arbitrary.ts';
import { DEFAULT_TIMING } from './timing.ts';

const DAY_MS = 86_400_000;

const arbitraryAnswer: fc.Arbitrary<PollAnswer<Versioned>> = fc.oneof(
  fc
    .record({ epoch: fc.constantFrom('e1', 'e2'), revision: fc.nat(6), full: fc.boolean() })
    .map(({ epoch, revision, full }) => ({
      outcome: 'snapshot' as const,
      snapshot: { ...snapshot(revision, ...(full ? [a1] : [])), epoch },
      ageMs: 0,
    })),
  fc.double().map((ageMs) => ({ outcome: 'unchanged' as const, ageMs })),
  fc.record({ status: fc.nat(600), retryAfterMs: fc.double() }).map(({ status, retryAfterMs }) => ({
    outcome: 'failed' as const,
    end: { message: 'cut', status, retryAfterMs },
  })),
);

type Told = (state: FollowerState<Versioned>) => Happening;

/** Messages, ends and answers, also of attempts and polls that are over. */
const arbitraryTold: fc.Arbitrary<Told> = fc.oneof(
  {
    weight: 8,
    arbitrary: arbitraryMessage.map(
      (value): Told =>
        ({ attempt }) => ({ type: 'message', attempt, decoded: { outcome: 'decoded', value }, size: 1 }),
    ),
  },
  fc.tuple(fc.nat(600), fc.nat(1)).map(
    ([status, late]): Told =>
      ({ attempt }) => ({ type: 'ended', attempt: attempt - late, end: { message: 'cut', status } }),
  ),
  {
    weight: 4,
    arbitrary: fc.tuple(arbitraryAnswer, fc.nat(1)).map(
      ([answer, late]): Told =>
        ({ polling }) => ({ type: 'polled', poll: (polling?.number ?? 0) - late, answer }),
    ),
  },
  { weight: 12, arbitrary: fc.constant((): Happening => ({ type: 'tick' })) },
);

/** Servers one after the other: how old the data of each is, in milliseconds, and what chance says meanwhile. */
const arbitraryFound = fc.array(
  fc.record({
    ageMs: fc.oneof(fc.nat(44_999), fc.integer({ min: 45_000, max: DAY_MS })),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  }),
  { minLength: 1, maxLength: 30 },
);

test('[F59] whatever servers are found, a cut-off one is kept for 30 s to 6 min, the longer the more came before it since one was not', () => {
  fc.assert(
    fc.property(arbitraryFound, (found) => {
      const rig = live().end().wait();
      let [cutOffs, since] = [0, -1];
      for (const { ageMs, random } of found) {
        rig.random = random;
        rig.say({ ...hello('none', 1), databaseAgeMs: ageMs } as StreamMessage<Versioned>);
        const isCutOff = ageMs >= 45_000;
        if (isCutOff && rig.now - ageMs > since) [cutOffs, since] = [0, rig.now];
        expect(rig.status).toBe(isCutOff ? 'STALE' : 'LIVE');
        if (isCutOff) {
          const leastMs = Math.min(300_000, 30_000 * 3 ** cutOffs);
          cutOffs += 1;
          const keptMs = Math.round((rig.state.search?.leaveAt ?? Number.NaN) - rig.now);
          expect(keptMs).toBeGreaterThanOrEqual(leastMs);
          expect(keptMs).toBeLessThanOrEqual(1.2 * leastMs);
          rig.untilLeft();
        } else rig.end();
        rig.wait();
      }
    }),
    { numRuns: 300 },
  );
});

test('[F57] any mixture of stream, polls and time is orderly, has one of each, and goes on', () => {
  const history = fc.array(fc.tuple(arbitraryTold, fc.double({ min: 0, max: 0.999, noNaN: true })), {
    maxLength: 80,
  });
  fc.assert(
    fc.property(history, (events) => {
      let state = begun(0);
      const open = { streams: 1, polls: 0 };
      let now = 0;
      for (const [told, random] of events) {
        const happening = told(state);
        if (happening.type === 'tick') now = Math.max(now, deadlineOf(state));
        const before = state;
        state = polledStep(state, happening, { now, random });
        for (const effect of effectsOf(before, state, happening)) count(open, effect);
        if (state.polling?.asking === null) open.polls = 0;
        expect(open.streams).toSatisfy((streams: number) => streams === 0 || streams === 1);
        expect(deadlineOf(state)).toSatisfy(Number.isFinite);
        expect(state.confirmedAt ?? 0).toSatisfy(Number.isFinite);
        expectForward(before, state);
      }
    }),
    { numRuns: 500 },
  );
});

test('[F33] delays are spread evenly over their bound (SDK-5)', () => {
  const random = generator(7);
  for (const failures of [0, 2, 9]) {
    const bound = Math.min(30_000, 1_000 * 2 ** failures);
    const delays = Array.from({ length: 1_000 }, () => retryDelayMs(failures, 0, random(), DEFAULT_TIMING));
    // Kolmogorov and Smirnov: the largest distance from an even distribution, at p = 0.01.
    const distance = delays
      .sort((one, other) => one - other)
      .reduce((most, delay, index) => Math.max(most, Math.abs((index + 0.5) / 1_000 - delay / bound)), 0);
    expect(distance).toBeLessThan(1.63 / Math.sqrt(1_000));
  }
});

test('[F33] a thousand followers of a dead server come back at a thousand moments (SDK-5)', () => {
  const random = generator(11);
  const again = Array.from({ length: 1_000 }, () => {
    const state = begun(0);
    const end = { type: 'ended' as const, attempt: state.attempt, end: { message: 'refused' } };
    return deadlineOf(polledStep(state, end, { now: 0, random: random() }));
  });
  const perTenth = Array.from(
    { length: 10 },
    (_, tenth) => again.filter((at) => Math.floor(at / 100) === tenth).length,
  );
  expect(Math.max(...perTenth)).toBeLessThan(150);
  expect(Math.min(...perTenth)).toBeGreaterThan(50);
});

test('[F39] days of a dead server are at most one request in 15 seconds on average, and a poll in 5 minutes (SDK-3)', () => {
  const random = generator(3);
  const days = Array.from({ length: 20 }, () => dayOfDeadServer(random));
  const connects = days.reduce((sum, { connect }) => sum + connect, 0) / days.length;
  const polls = days.reduce((sum, { poll }) => sum + poll, 0) / days.length;
  // The gaps are even from 0 to 30 s: one standard deviation of the number in 20 days is 0.17 %.
  expect(connects + polls).toBeLessThan(DAY_MS / 15_000);
  expect(connects + polls).toBeGreaterThan(DAY_MS / 15_500);
  expect(polls).toBeLessThan(DAY_MS / 280_000);
  expect(polls).toBeGreaterThan(DAY_MS / 330_000);
});

test('[F39] a dead server is asked for something in every 30 seconds, however long it stays away', () => {
  const { gaps } = dayOfDeadServer(generator(5));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(DEFAULT_TIMING.retryMaxMs);
});

interface DeadDay {
  readonly connect: number;
  readonly poll: number;
  /** Milliseconds between two requests. */
  readonly gaps: readonly number[];
}

/** A day in which every request is refused at once. */
function dayOfDeadServer(random: () => number): DeadDay {
  let state = begun(random());
  const counts = { connect: 1, poll: 0 };
  const gaps: number[] = [];
  let askedAt = 0;
  for (let now = 0; now < DAY_MS; now = deadlineOf(state)) {
    const before = state;
    state = polledStep(state, { type: 'tick' }, { now, random: random() });
    for (const { type } of effectsOf(before, state, { type: 'tick' })) {
      if (type !== 'connect' && type !== 'poll') continue;
      counts[type] += 1;
      gaps.push(now - askedAt);
      askedAt = now;
    }
    state = refusedConnection(state, now, random());
  }
  return { ...counts, gaps };
}

function begun(random: number): FollowerState<Versioned> {
  const stored = { snapshot: snapshot(1, a1), source: 'cache' as const, ageMs: 0, complete: true };
  return polledStep(initialState<Versioned>(), { type: 'start', stored }, { now: 0, random });
}

/** Whatever is under way ends at once. */
function refusedConnection(
  state: FollowerState<Versioned>,
  now: number,
  random: number,
): FollowerState<Versioned> {
  const end = { message: 'refused' };
  const moment = { now, random };
  const ended = polledStep(state, { type: 'ended', attempt: state.attempt, end }, moment);
  const answer = { outcome: 'failed' as const, end };
  return polledStep(ended, { type: 'polled', poll: ended.polling?.number ?? 0, answer }, moment);
}

function count(open: { streams: number; polls: number }, { type }: Effect): void {
  if (type === 'connect') open.streams += 1;
  if (type === 'disconnect') open.streams -= 1;
  if (type === 'abandon') open.polls -= 1;
  if (type === 'poll') {
    open.polls += 1;
    expect(open.polls).toBe(1);
  }
}

function expectForward(before: FollowerState<Versioned>, after: FollowerState<Versioned>): void {
  if (before.snapshot === null || before.snapshot === after.snapshot) return;
  expect(digestOfAll(after.snapshot?.objects.values() ?? [])).toBe(after.snapshot?.digest);
  if (before.snapshot.epoch !== after.snapshot?.epoch) return;
  expect(after.snapshot.revision).toBeGreaterThanOrEqual(before.snapshot.revision);
}

/** Numbers from 0 to 1, the same in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
