import type { Versioned } from '@dimmer/schema';
import { checkDelayMs, firstPollDelayMs, pollDelayMs, refusedDelayMs, retryDelayMaxMs } from './backoff.ts';
import type { Happening, PollAnswer, StreamEnd } from './event.ts';
import type { Snapshot } from './snapshot.ts';
import { NOTHING, withStaged } from './snapshot.ts';
import type { FollowerState, Polling } from './state.ts';
import { cursorOf, isLive } from './state.ts';
import type { Turn } from './turn.ts';
import { distrust, noteRefusal, publish, refuseDigest } from './turn.ts';

/** A turn with what it makes of polling. */
interface PollTurn<Item extends Versioned> extends Turn<Item> {
  readonly polling: { -readonly [Field in keyof Polling]: Polling[Field] };
}

const NOT_YET: Polling = { number: 0, asking: null, until: 0, failures: 0, works: false, owed: null };

/**
 * Takes part in every step, and brings polling in line with what became of the stream: a stream that is live is checked
 * now and then, one that was lost is soon polled around, and what was asked for under other circumstances is given up.
 * It may begin at any time.
 */
export function pollBeside<Item extends Versioned>(
  shared: Turn<Item>,
  before: FollowerState<Item>,
  happening: Happening<Item>,
): void {
  const { state } = shared;
  if (state.phase === 'idle') return;
  const turn: PollTurn<Item> = { ...shared, polling: { ...NOT_YET, ...state.polling } };
  const { polling } = turn;
  if (happening.type === 'polled') onPolled(turn, happening.answer);
  adapt(turn, before);
  if (before.polling === null || happening.type === 'ended') heed(turn, before);
  if (happening.type === 'tick') whenDue(turn);
  state.polling = polling;
  state.pollAt =
    state.phase === 'closed' ? Infinity : Math.min(polling.until, polling.owed?.until ?? Infinity);
}

/** Begins anew where the stream has become another one. */
function adapt<Item extends Versioned>(turn: PollTurn<Item>, before: FollowerState<Item>): void {
  const { state, polling, now, random, timing } = turn;
  const isFirst = before.polling === null;
  const delayMs = firstPollDelayMs(false, random, timing);
  if (state.phase === 'closed') begin(turn, Infinity);
  else if (isLive(state)) {
    if (isFirst || !isLive(before)) begin(turn, now + checkDelayMs(random, timing));
  } else if (isFirst) begin(turn, now + delayMs);
  // The silence that gave a dead link away counts: callers have waited through it already.
  else if (isLive(before)) begin(turn, before.until - before.silenceMs + delayMs);
  const isFailed = state.failures > 0 && (isFirst || before.failures === 0);
  if (isFailed && state.snapshot === null && !state.refused) {
    begin(turn, Math.min(polling.until, now + firstPollDelayMs(true, random, timing)));
  }
}

/** What is under way is given up, and the next request is made then. */
function begin<Item extends Versioned>(turn: PollTurn<Item>, until: number): void {
  abandon(turn);
  Object.assign(turn.polling, { ...NOT_YET, number: turn.polling.number, until });
}

function abandon<Item extends Versioned>({ polling, effects }: PollTurn<Item>): void {
  if (polling.asking !== null) effects.push({ type: 'abandon', poll: polling.number });
  polling.asking = null;
}

/** What the server said in place of a stream counts for polls as well, unless they are known to work. */
function heed<Item extends Versioned>(turn: PollTurn<Item>, before: FollowerState<Item>): void {
  const { state, polling, now, random, timing } = turn;
  const status = state.problem?.status;
  if (polling.asking !== null || polling.works) return;
  if (status === 401 || status === 403) polling.until = state.until;
  // There are no streams to be had: polls need not wait.
  if (status === 204 && polling.failures === 0 && !isLive(before)) {
    polling.until = Math.min(polling.until, now + random * timing.retryBaseMs);
  }
}

/** Makes a poll when its time has come; gives one up that has had its time; asks a stream for what it owes. */
function whenDue<Item extends Versioned>(turn: PollTurn<Item>): void {
  const { polling, now, timing } = turn;
  if (polling.owed !== null && now >= polling.owed.until) onOwed(turn);
  else if (now < polling.until) return;
  else if (polling.asking === null) ask(turn);
  else {
    abandon(turn);
    fail(turn, { message: `no answer within ${timing.pollTimeoutMs} ms` });
  }
}

function ask<Item extends Versioned>({ state, polling, effects, now, timing }: PollTurn<Item>): void {
  // What names the copy is made from the copy: the two cannot part.
  const cursor = cursorOf(state);
  polling.number += 1;
  polling.asking = { since: now, conditional: cursor !== undefined };
  polling.until = now + timing.pollTimeoutMs;
  effects.push({ type: 'poll', poll: polling.number, cursor });
}

function onPolled<Item extends Versioned>(turn: PollTurn<Item>, answer: PollAnswer<Item>): void {
  const { state, polling, random, timing } = turn;
  const { asking } = polling;
  if (asking === null) return;
  polling.asking = null;
  if (answer.outcome === 'failed') fail(turn, answer.end);
  // The copy may have come under suspicion since it was named.
  else if (answer.outcome === 'unchanged' && (!asking.conditional || state.resync)) {
    fail(turn, { message: 'the server answered 304' });
  } else if (isLive(state)) {
    settle(turn, checkDelayMs(random, timing));
    if (answer.outcome === 'snapshot') compare(turn, answer.snapshot);
  } else {
    const confirmedAt = asking.since - Math.max(answer.ageMs, 0);
    if (answer.outcome === 'snapshot') take(turn, answer.snapshot, confirmedAt);
    else confirm(turn, confirmedAt);
  }
}

/** A check of a copy that is live compares and takes nothing: the stream is in the middle of its changes. */
function compare<Item extends Versioned>(turn: PollTurn<Item>, seen: Snapshot<Item>): void {
  const { snapshot } = turn.state;
  const { epoch, revision, digest } = seen;
  if (snapshot === null) return;
  if (snapshot.epoch !== epoch || revision > snapshot.revision) {
    turn.polling.owed = { epoch, revision, until: turn.now + turn.timing.checkGraceMs };
  } else if (revision === snapshot.revision && digest !== snapshot.digest) {
    refuseDigest(turn, 'check of revision', revision);
  }
}

function onOwed<Item extends Versioned>(turn: PollTurn<Item>): void {
  const { state, polling } = turn;
  const { snapshot } = state;
  const { owed } = polling;
  polling.owed = null;
  if (owed === null || snapshot === null || !isLive(state)) return;
  if (snapshot.epoch === owed.epoch && snapshot.revision >= owed.revision) return;
  const live = { ...state, polling };
  distrust(turn, `the server is at ${owed.epoch}:${owed.revision}, and the stream does not bring it`);
  adapt(turn, live);
}

function take<Item extends Versioned>(
  turn: PollTurn<Item>,
  brought: Snapshot<Item>,
  confirmedAt: number,
): void {
  const { state } = turn;
  const { resync } = state;
  const known = state.snapshot?.epoch === brought.epoch ? state.snapshot : null;
  if (known !== null && brought.revision < known.revision) {
    fail(turn, {
      message: `the answer is at ${brought.revision}, behind ${known.revision} of the same epoch`,
    });
    return;
  }
  confirm(turn, confirmedAt);
  const sameRevision = known?.revision === brought.revision;
  if (sameRevision && !resync) {
    if (known.digest === brought.digest) return;
    state.resyncs += 1;
  }
  const { objects } = (resync || sameRevision ? null : known) ?? NOTHING;
  const puts = [...brought.objects.values()].map((object) => ({ type: 'put' as const, object }));
  state.snapshot = { ...brought, ...withStaged<Item>(NOTHING, puts, objects) };
  publish(turn, 'poll');
}

/** The copy is the server's, by a poll. */
function confirm<Item extends Versioned>(turn: PollTurn<Item>, confirmedAt: number): void {
  const { state, polling, random, timing } = turn;
  settle(turn, pollDelayMs(0, 0, random, timing));
  polling.works = true;
  state.confirmedAt = Math.max(state.confirmedAt ?? confirmedAt, confirmedAt);
  state.source = 'poll';
  state.resync = false;
  state.refused = false;
  if (state.standing !== 'INTERRUPTED') state.standing = 'STALE';
}

/** The request under way was answered. */
function settle<Item extends Versioned>({ polling, now }: PollTurn<Item>, delayMs: number): void {
  polling.failures = 0;
  polling.until = now + delayMs;
}

/** The request under way was of no use. The copy stays as it is, and so does the stream. */
function fail<Item extends Versioned>(turn: PollTurn<Item>, end: StreamEnd): void {
  const { state, polling, now, random, timing } = turn;
  const { message, status, retryAfterMs = 0, refused } = end;
  polling.failures += 1;
  polling.works = false;
  if (status === 401 || status === 403) {
    polling.until = now + refusedDelayMs(random, timing);
    if (isLive(state)) return;
    state.refused = true;
    state.problem = { message, status };
    return;
  }
  // A body that was of no use is of no use again: it is not fetched every few seconds.
  const askedMs = status === 200 ? Math.max(retryAfterMs, timing.refetchMinMs) : retryAfterMs;
  const delayMs = pollDelayMs(polling.failures, askedMs, random, timing);
  polling.until = now + (isLive(state) ? Math.max(delayMs, checkDelayMs(random, timing)) : delayMs);
  if (polling.failures > 1) putOff(turn);
  if (refused !== undefined) noteRefusal(turn, refused, message);
}

/**
 * Polls that keep failing come out of the stream's attempts: the server is asked no more often for having both. The
 * stream has its turn before the next poll all the same.
 */
function putOff<Item extends Versioned>({ state, polling, now, timing }: PollTurn<Item>): void {
  if (state.phase !== 'waiting') return;
  const delayMs = Math.min(retryDelayMaxMs(state.failures, timing), (polling.until - now) / 2);
  state.until = Math.max(state.until, now + delayMs);
}
