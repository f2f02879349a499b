import type { Versioned } from '@dimmer/schema';
import { checkDelayMs, firstPollDelayMs, pollDelayMs, refusedDelayMs, retryDelayMaxMs } from './backoff.ts';
import type { PollAnswer, StreamEnd } from './event.ts';
import type { Reaction } from './machine.ts';
import type { Snapshot } from './snapshot.ts';
import { NOTHING, withStaged } from './snapshot.ts';
import type { FollowerState, Polling } from './state.ts';
import { cursorOf, isLive, isOnline, PHASE } from './state.ts';
import type { FollowerTiming, PollTiming } from './timing.ts';
import { POLL_TIMING } from './timing.ts';
import type { Draft, Turn } from './turn.ts';
import { confirm, distrust, noteRefusal, refuseDigest } from './turn.ts';

/** A turn of a follower that polls. */
type PollTurn<Item extends Versioned> = Omit<Turn<Item>, 'polling' | 'timing'> & {
  readonly polling: Draft<Polling>;
  readonly timing: FollowerTiming;
};

const NOT_YET: Polling = { number: 0, asking: null, until: 0, failures: 0, works: false, owed: null };

/**
 * Takes part in every step, and brings polling in line with what became of the stream: a stream that is live is checked
 * now and then, one that was lost is soon polled around, and what was asked for under other circumstances is given up.
 * It may begin at any time.
 */
export function pollBeside<Item extends Versioned>(
  shared: Turn<Item>,
  before: FollowerState<Item>,
  pollTiming: PollTiming = POLL_TIMING,
): void {
  if (shared.phase === PHASE.idle) return;
  const turn = pollTurn(shared, pollTiming);
  const { polling } = turn;
  adapt(turn, before);
  if (before.polling === null || (isOnline(before) && !isOnline(turn))) heed(turn, before);
  whenDue(turn);
  turn.pollAt = Math.min(polling.until, polling.owed?.until ?? Infinity);
}

/** A request for the snapshot has its answer. One that was given up is not heard. */
export function polled<Item extends Versioned>(
  poll: number,
  answer: PollAnswer<Item>,
  timing: PollTiming = POLL_TIMING,
): Reaction<Item> {
  return (shared) => {
    const turn = pollTurn(shared, timing);
    if (turn.polling.number === poll) onPolled(turn, answer);
  };
}

function pollTurn<Item extends Versioned>(turn: Turn<Item>, pollTiming: PollTiming): PollTurn<Item> {
  const timing = { ...turn.timing, ...pollTiming };
  return Object.assign(turn, { polling: { ...NOT_YET, ...turn.polling }, timing });
}

/** Begins anew where the stream has become another one. */
function adapt(turn: PollTurn<Versioned>, before: FollowerState<Versioned>): void {
  const { now, random, timing } = turn;
  const isFirst = before.polling === null;
  const delayMs = firstPollDelayMs(false, random, timing);
  if (turn.phase === PHASE.closed) begin(turn, Infinity);
  else if (isLive(turn)) {
    if (isFirst || !isLive(before)) begin(turn, now + checkDelayMs(random, timing));
  } else if (isFirst) begin(turn, now + delayMs);
  // The silence that gave a dead link away counts: callers have waited through it already.
  else if (isLive(before)) begin(turn, heardAt(before) + delayMs);
  const isFailed = turn.failures > 0 && (isFirst || before.failures === 0);
  if (isFailed && turn.snapshot === null && !turn.refused) {
    begin(turn, Math.min(turn.polling.until, now + firstPollDelayMs(true, random, timing)));
  }
}

/** When a stream that is live was last heard. */
function heardAt({ until, silenceMs }: FollowerState<Versioned>): number {
  return until - silenceMs;
}

/** What is under way is given up, and the next request is made then. */
function begin({ polling }: PollTurn<Versioned>, until: number): void {
  Object.assign(polling, { ...NOT_YET, number: polling.number, until });
}

/** What the server said in place of a stream counts for polls as well, unless they are known to work. */
function heed(turn: PollTurn<Versioned>, before: FollowerState<Versioned>): void {
  const { polling } = turn;
  const status = turn.problem?.status;
  if (polling.asking !== null || polling.works) return;
  if (status === 401 || status === 403) polling.until = turn.until;
  // There are no streams to be had: polls need not wait.
  if (status === 204 && polling.failures === 0 && !isLive(before)) {
    polling.until = Math.min(polling.until, turn.now + turn.random * turn.timing.retryBaseMs);
  }
}

/** Makes a poll when its time has come; gives one up that has had its time; asks a stream for what it owes. */
function whenDue(turn: PollTurn<Versioned>): void {
  const { polling, now, timing } = turn;
  if (polling.owed !== null && now >= polling.owed.until) onOwed(turn);
  else if (now < polling.until) return;
  else if (polling.asking === null) {
    polling.number += 1;
    polling.asking = { since: now, conditional: cursorOf(turn) !== undefined };
    polling.until = now + timing.pollTimeoutMs;
  } else fail(turn, { message: `no answer within ${timing.pollTimeoutMs} ms` });
}

function onPolled<Item extends Versioned>(turn: PollTurn<Item>, answer: PollAnswer<Item>): void {
  const { polling, random, timing } = turn;
  const { asking } = polling;
  if (asking === null) return;
  if (answer.outcome === 'failed') fail(turn, answer.end);
  // The copy may have come under suspicion since it was named.
  else if (answer.outcome === 'unchanged' && (!asking.conditional || turn.resync)) {
    fail(turn, { message: 'the server answered 304' });
  } else if (isLive(turn)) {
    settle(turn, checkDelayMs(random, timing));
    if (answer.outcome === 'snapshot') compare(turn, answer.snapshot);
  } else {
    const confirmedAt = asking.since - Math.max(answer.ageMs, 0);
    if (answer.outcome === 'snapshot') take(turn, answer.snapshot, confirmedAt);
    else confirmed(turn, confirmedAt);
  }
}

/** A check of a copy that is live compares and takes nothing: the stream is in the middle of its changes. */
function compare<Item extends Versioned>(turn: PollTurn<Item>, seen: Snapshot<Item>): void {
  const { snapshot } = turn;
  const { epoch, revision, digest } = seen;
  if (snapshot === null) return;
  if (snapshot.epoch !== epoch || revision > snapshot.revision) {
    turn.polling.owed = { epoch, revision, until: turn.now + turn.timing.checkGraceMs };
  } else if (revision === snapshot.revision && digest !== snapshot.digest) {
    refuseDigest(turn, 'check of revision', revision);
  }
}

function onOwed(turn: PollTurn<Versioned>): void {
  const { snapshot, polling } = turn;
  const { owed } = polling;
  polling.owed = null;
  if (owed === null || snapshot === null || !isLive(turn)) return;
  if (snapshot.epoch === owed.epoch && snapshot.revision >= owed.revision) return;
  const live = { ...turn };
  distrust(turn, `the server is at ${owed.epoch}:${owed.revision}, and the stream does not bring it`);
  adapt(turn, live);
}

function take<Item extends Versioned>(
  turn: PollTurn<Item>,
  brought: Snapshot<Item>,
  confirmedAt: number,
): void {
  const { resync } = turn;
  const known = turn.snapshot?.epoch === brought.epoch ? turn.snapshot : null;
  if (known !== null && brought.revision < known.revision) {
    fail(turn, {
      message: `the answer is at ${brought.revision}, behind ${known.revision} of the same epoch`,
    });
    return;
  }
  confirmed(turn, confirmedAt);
  const sameRevision = known?.revision === brought.revision;
  if (sameRevision && !resync) {
    if (known.digest === brought.digest) return;
    turn.resyncs += 1;
  }
  const { objects } = (resync || sameRevision ? null : known) ?? NOTHING;
  const puts = [...brought.objects.values()].map((object) => ({ type: 'put' as const, object }));
  turn.snapshot = { ...brought, ...withStaged<Item>(NOTHING, puts, objects) };
  turn.kill = false;
}

/** The copy is the server's, by a poll. */
function confirmed(turn: PollTurn<Versioned>, confirmedAt: number): void {
  settle(turn, pollDelayMs(0, 0, turn.random, turn.timing));
  turn.polling.works = true;
  confirm(turn, 'poll', Math.max(turn.confirmedAt ?? confirmedAt, confirmedAt));
  if (turn.standing !== 'INTERRUPTED') turn.standing = 'STALE';
}

/** The request under way was answered. */
function settle({ polling, now }: PollTurn<Versioned>, delayMs: number): void {
  polling.asking = null;
  polling.failures = 0;
  polling.until = now + delayMs;
}

/** The request under way was of no use. The copy stays as it is, and so does the stream. */
function fail(turn: PollTurn<Versioned>, end: StreamEnd): void {
  const { polling, now, random, timing } = turn;
  const { message, status, retryAfterMs = 0, refused } = end;
  polling.asking = null;
  polling.failures += 1;
  polling.works = false;
  if (status === 401 || status === 403) {
    polling.until = now + refusedDelayMs(random, timing);
    if (isLive(turn)) return;
    turn.refused = true;
    turn.problem = { message, status };
    return;
  }
  // A body that was of no use is of no use again: it is not fetched every few seconds.
  const askedMs = status === 200 ? Math.max(retryAfterMs, timing.refetchMinMs) : retryAfterMs;
  const delayMs = pollDelayMs(polling.failures, askedMs, random, timing);
  polling.until = now + (isLive(turn) ? Math.max(delayMs, checkDelayMs(random, timing)) : delayMs);
  if (polling.failures > 1) putOff(turn);
  if (refused !== undefined) noteRefusal(turn, refused, message);
}

/**
 * Polls that keep failing come out of the stream's attempts: the server is asked no more often for having both. The
 * stream has its turn before the next poll all the same.
 */
function putOff(turn: PollTurn<Versioned>): void {
  if (turn.phase !== PHASE.waiting) return;
  const delayMs = Math.min(retryDelayMaxMs(turn.failures, turn.timing), (turn.polling.until - turn.now) / 2);
  turn.until = Math.max(turn.until, turn.now + delayMs);
}
