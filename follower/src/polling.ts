import type { Versioned } from '@dimmer/schema';
import { checkDelayMs, firstPollDelayMs, pollDelayMs, refusedDelayMs, retryDelayMaxMs } from './backoff.ts';
import type { Happening, Moment, StreamEnd } from './event.ts';
import type { Snapshot } from './snapshot.ts';
import { NOTHING, withStaged } from './snapshot.ts';
import type { Asking, FollowerState, Polling } from './state.ts';
import { isLive } from './state.ts';
import type { FollowerTiming } from './timing.ts';
import type { Step } from './transitions.ts';
import { cursorOf, distrust, otherDigest, refuse, unchanged, withRefusal } from './transitions.ts';

type PolledHappening<Item extends Versioned> = Extract<Happening<Item>, { type: 'polled' }>;

/**
 * Brings polling in line with what became of the stream: a stream that is live is checked now and then, one
 * that was lost is soon polled around, and what was asked for under other circumstances is given up.
 */
export function withPolls<Item extends Versioned>(
  before: FollowerState<Item>,
  step: Step<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const { state } = step;
  if (state.link.phase === 'closed') return abandoned(step, state.polling);
  const due = isLive(state)
    ? isLive(before) || moment.now + checkDelayMs(moment.random, timing)
    : firstPollAt(before, state, moment, timing);
  if (typeof due === 'boolean') return step;
  const { number } = state.polling;
  return abandoned(step, { number, asking: null, until: due, failures: 0, works: false, owed: null });
}

/** Makes a poll when its time has come; gives one up that has had its time; asks a stream for what it owes. */
export function andPollWhenDue<Item extends Versioned>(
  { state, effects }: Step<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const due = whenDue(state, moment, timing);
  const { state: next, effects: more } = withPolls(state, due, moment, timing);
  return { state: next, effects: [...effects, ...more] };
}

export function onPolled<Item extends Versioned>(
  state: FollowerState<Item>,
  { poll, answer }: PolledHappening<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const { number, asking } = state.polling;
  if (poll !== number || asking === null) return unchanged(state);
  if (answer.outcome === 'failed') return unchanged(failed(state, answer.end, moment, timing));
  const confirmedAt = asking.since - Math.max(answer.ageMs, 0);
  if (answer.outcome === 'snapshot') {
    return isLive(state)
      ? onChecked(state, answer.snapshot, moment, timing)
      : onBrought(state, answer.snapshot, confirmedAt, moment, timing);
  }
  // The copy may have come under suspicion since it was named.
  if (!asking.conditional || state.resync) {
    return unchanged(failed(state, { message: 'the server answered 304' }, moment, timing));
  }
  if (isLive(state)) return unchanged(settled(state, moment, timing));
  return unchanged(confirmed(state, confirmedAt, moment, timing));
}

/** The server says that it has no streams to give: polls need not wait. */
export function pollSoon<Item extends Versioned>(
  state: FollowerState<Item>,
  moment: Moment,
  timing: FollowerTiming,
): FollowerState<Item> {
  const { polling } = state;
  if (polling.asking !== null || polling.works || polling.failures > 0) return state;
  const until = Math.min(polling.until, moment.now + moment.random * timing.retryBaseMs);
  return { ...state, polling: { ...polling, until } };
}

/** The stream's key was refused: polls would be too, unless they are known to work. */
export function pollNotBefore<Item extends Versioned>(
  state: FollowerState<Item>,
  until: number,
): FollowerState<Item> {
  const { polling } = state;
  return polling.asking !== null || polling.works ? state : { ...state, polling: { ...polling, until } };
}

/** When the first poll is due, where something has happened that makes it the first; else `true`. */
function firstPollAt<Item extends Versioned>(
  before: FollowerState<Item>,
  after: FollowerState<Item>,
  { now, random }: Moment,
  timing: FollowerTiming,
): number | true {
  const { link } = before;
  const delayMs = firstPollDelayMs(false, random, timing);
  if (link.phase === 'idle') return after.link.phase === 'idle' || now + delayMs;
  if (isLive(before) && after.refused && after.link.phase === 'waiting') return after.link.until;
  // The silence that gave a dead link away counts: callers have waited through it already.
  if (link.phase === 'open' && link.liveSince !== null) return link.until - link.silenceMs + delayMs;
  const isCold = after.snapshot === null && before.failures === 0 && after.failures > 0 && !after.refused;
  return !isCold || Math.min(after.polling.until, now + firstPollDelayMs(true, random, timing));
}

/** What is under way is given up, and the next poll is as given. */
function abandoned<Item extends Versioned>({ state, effects }: Step<Item>, polling: Polling): Step<Item> {
  const { asking, number } = state.polling;
  return {
    state: { ...state, polling: { ...polling, asking: null } },
    effects: asking === null ? effects : [...effects, { type: 'abandon', poll: number }],
  };
}

function whenDue<Item extends Versioned>(
  state: FollowerState<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const { link, polling } = state;
  if (link.phase === 'idle') return unchanged(state);
  if (polling.owed !== null && moment.now >= polling.owed.until) return onOwed(state, moment, timing);
  if (moment.now < polling.until) return unchanged(state);
  if (polling.asking === null) return ask(state, moment, timing);
  const message = `no answer within ${timing.pollTimeoutMs} ms`;
  const next = failed(state, { message }, moment, timing);
  return { state: next, effects: [{ type: 'abandon', poll: polling.number }] };
}

function ask<Item extends Versioned>(
  state: FollowerState<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const poll = state.polling.number + 1;
  // What names the copy is made from the copy: the two cannot part.
  const cursor = state.resync ? undefined : cursorOf(state.snapshot);
  const asking: Asking = { since: moment.now, conditional: cursor !== undefined };
  const until = moment.now + timing.pollTimeoutMs;
  return {
    state: { ...state, polling: { ...state.polling, number: poll, asking, until } },
    effects: [{ type: 'poll', poll, ...(cursor !== undefined && { cursor }) }],
  };
}

/** A check of a copy that is live compares and takes nothing: the stream is in the middle of its changes. */
function onChecked<Item extends Versioned>(
  state: FollowerState<Item>,
  seen: Snapshot<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const next = settled(state, moment, timing);
  const { snapshot } = state;
  if (snapshot === null) return unchanged(next);
  const { epoch, revision } = seen;
  if (snapshot.epoch !== epoch || revision > snapshot.revision) {
    const owed = { epoch, revision, until: moment.now + timing.checkGraceMs };
    return unchanged({ ...next, polling: { ...next.polling, owed } });
  }
  return revision === snapshot.revision && seen.digest !== snapshot.digest
    ? refuse(next, otherDigest('check of revision', revision), moment, timing)
    : unchanged(next);
}

function onOwed<Item extends Versioned>(
  state: FollowerState<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const { snapshot, polling } = state;
  const { owed } = polling;
  const next: FollowerState<Item> = { ...state, polling: { ...polling, owed: null } };
  if (owed === null || snapshot === null || !isLive(state)) return unchanged(next);
  if (snapshot.epoch === owed.epoch && snapshot.revision >= owed.revision) return unchanged(next);
  const message = `the server is at ${owed.epoch}:${owed.revision}, and the stream does not bring it`;
  return distrust(next, message, moment, timing);
}

function onBrought<Item extends Versioned>(
  state: FollowerState<Item>,
  brought: Snapshot<Item>,
  confirmedAt: number,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const { resync } = state;
  const known = state.snapshot?.epoch === brought.epoch ? state.snapshot : null;
  if (known !== null && brought.revision < known.revision) {
    const message = `the answer is at ${brought.revision}, behind ${known.revision} of the same epoch`;
    return unchanged(failed(state, { message }, moment, timing));
  }
  const next = confirmed(state, confirmedAt, moment, timing);
  const sameRevision = known?.revision === brought.revision;
  if (sameRevision && !resync && known.digest === brought.digest) return unchanged(next);
  const keep = resync || sameRevision ? NOTHING.objects : (known?.objects ?? NOTHING.objects);
  const puts = [...brought.objects.values()].map((object) => ({ type: 'put' as const, object }));
  const snapshot: Snapshot<Item> = { ...brought, ...withStaged<Item>(NOTHING, puts, keep) };
  const resyncs = state.resyncs + (sameRevision && !resync ? 1 : 0);
  return {
    state: { ...next, snapshot, resyncs },
    effects: [{ type: 'publish', publication: { snapshot, source: 'poll', kill: false } }],
  };
}

/** The copy is the server's, by a poll. */
function confirmed<Item extends Versioned>(
  state: FollowerState<Item>,
  confirmedAt: number,
  moment: Moment,
  timing: FollowerTiming,
): FollowerState<Item> {
  const next = settled(state, moment, timing);
  return {
    ...next,
    confirmedAt: Math.max(state.confirmedAt ?? confirmedAt, confirmedAt),
    source: 'poll',
    resync: false,
    refused: false,
    polling: { ...next.polling, works: true },
  };
}

/** The request under way was answered. */
function settled<Item extends Versioned>(
  state: FollowerState<Item>,
  { now, random }: Moment,
  timing: FollowerTiming,
): FollowerState<Item> {
  const delayMs = isLive(state) ? checkDelayMs(random, timing) : pollDelayMs(0, 0, random, timing);
  const polling = { ...state.polling, asking: null, failures: 0, until: now + delayMs };
  return { ...state, polling };
}

/** The request under way was of no use. The copy stays as it is, and so does the stream. */
function failed<Item extends Versioned>(
  state: FollowerState<Item>,
  end: StreamEnd,
  { now, random }: Moment,
  timing: FollowerTiming,
): FollowerState<Item> {
  const { message, status, retryAfterMs = 0, refused: code } = end;
  const failures = state.polling.failures + 1;
  const polling = { ...state.polling, asking: null, failures, works: false };
  if (status === 401 || status === 403) {
    const until = now + refusedDelayMs(random, timing);
    const next = { ...state, polling: { ...polling, until } };
    return isLive(state) ? next : { ...next, refused: true, problem: { message, status } };
  }
  // A body that was of no use is of no use again: it is not fetched every few seconds.
  const askedMs = status === 200 ? Math.max(retryAfterMs, timing.refetchMinMs) : retryAfterMs;
  const usualMs = isLive(state) ? checkDelayMs(random, timing) : 0;
  const until = now + Math.max(usualMs, pollDelayMs(failures, askedMs, random, timing));
  const link = failures > 1 ? putOff(state, now, until, timing) : state.link;
  const next = { ...state, link, polling: { ...polling, until } };
  return code === undefined ? next : withRefusal(next, { code, message });
}

/**
 * Polls that keep failing come out of the stream's attempts: the server is asked no more often for having both. The
 * stream has its turn before the next poll all the same.
 */
function putOff<Item extends Versioned>(
  { link, failures }: FollowerState<Item>,
  now: number,
  nextPoll: number,
  timing: FollowerTiming,
): FollowerState<Item>['link'] {
  if (link.phase !== 'waiting') return link;
  const delayMs = Math.min(retryDelayMaxMs(failures, timing), (nextPoll - now) / 2);
  return { ...link, until: Math.max(link.until, now + delayMs) };
}
