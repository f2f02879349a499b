import type { CommitMessage, HeartbeatMessage, HelloMessage, Versioned } from '@dimmer/schema';
import { askedDelayMs, elsewhereDelayMs, silenceMs } from './backoff.ts';
import type { Happening, Moment, StreamMessage } from './event.ts';
import type { Snapshot, StagedObject } from './snapshot.ts';
import { NOTHING, withStaged } from './snapshot.ts';
import { inOrder, NOTHING_STAGED, stage } from './staging.ts';
import type { Connecting, FollowerState, Open } from './state.ts';
import type { FollowerTiming } from './timing.ts';
import type { Loss, Step } from './transitions.ts';
import { current, distrust, lose, offline, otherDigest, refuse, unchanged } from './transitions.ts';

type MessageHappening<Item extends Versioned> = Extract<Happening<Item>, { type: 'message' }>;
type RetryHappening = Extract<Happening<Versioned>, { type: 'retry' }>;

export function onMessage<Item extends Versioned>(
  state: FollowerState<Item>,
  { attempt, decoded, size }: MessageHappening<Item>,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const { link } = state;
  if (attempt !== state.attempt || (link.phase !== 'connecting' && link.phase !== 'open')) {
    return unchanged(state);
  }
  if (decoded.outcome === 'ignored') return unchanged(state);
  if (decoded.outcome === 'malformed') {
    return refuse(state, { code: 'MALFORMED', message: decoded.problem }, moment, timing);
  }
  const message = decoded.value;
  if (message.type === 'goodbye') return onGoodbye(state, message.reconnectInMs, moment, timing);
  if (link.phase === 'connecting') {
    return message.type === 'hello'
      ? onHello(state, link, message, moment, timing)
      : distrust(state, `${message.type} came before hello`, moment, timing);
  }
  const heard: Open<Item> = { ...link, until: moment.now + link.silenceMs };
  return onOpenMessage(state, heard, message, size, moment, timing);
}

function onOpenMessage<Item extends Versioned>(
  state: FollowerState<Item>,
  link: Open<Item>,
  message: Exclude<StreamMessage<Item>, { type: 'goodbye' }>,
  size: number,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  switch (message.type) {
    case 'put':
    case 'delete':
      return onStaged(state, link, message, size, moment, timing);
    case 'commit':
      return onCommit(state, link, message, moment, timing);
    case 'heartbeat':
      return onHeartbeat(state, link, message, moment, timing);
    case 'hello':
      return distrust(state, 'hello came twice', moment, timing);
  }
}

function onHello<Item extends Versioned>(
  state: FollowerState<Item>,
  connecting: Connecting,
  hello: HelloMessage,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const { snapshot } = state;
  const known = snapshot !== null && snapshot.epoch === hello.epoch ? snapshot.revision : null;
  if (known !== null && hello.revision < known) {
    return lose(state, behind(hello.revision, known), moment, timing);
  }
  if (hello.mode !== 'full' && (known === null || state.resync)) {
    return distrust(state, `hello: ${hello.mode} does not fit what was asked for`, moment, timing);
  }
  if (hello.mode === 'none' && hello.revision !== known) {
    return distrust(state, `hello: current at ${hello.revision}, here is ${known}`, moment, timing);
  }
  const silence = silenceMs(hello.heartbeatMs, timing);
  const link: Open<Item> = {
    phase: 'open',
    epoch: hello.epoch,
    liveSince: null,
    full: hello.mode === 'full',
    staging: NOTHING_STAGED,
    silenceMs: silence,
    until: moment.now + silence,
    askedMs: connecting.askedMs,
  };
  const opened: FollowerState<Item> = { ...state, link };
  if (hello.mode !== 'none') return unchanged(opened);
  return unchanged(vouched(state, link, hello.databaseAgeMs ?? 0, moment, timing));
}

function onStaged<Item extends Versioned>(
  state: FollowerState<Item>,
  link: Open<Item>,
  object: StagedObject<Item>,
  size: number,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const staging = stage(link.staging, object, size);
  if (staging.size > timing.stagedCharactersMax) {
    const message = `more than ${timing.stagedCharactersMax} characters without a commit`;
    return refuse(state, { code: 'TOO_LARGE', message }, moment, timing);
  }
  return { state: { ...state, link: { ...link, staging } }, effects: [] };
}

function onCommit<Item extends Versioned>(
  state: FollowerState<Item>,
  link: Open<Item>,
  commit: CommitMessage,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  if (isOvertaken(state, link, commit)) return onOvertaken(state, link, commit, moment, timing);
  const before = state.snapshot;
  const gap = gapBefore(before, link, commit.revision);
  if (gap !== undefined) return distrust(state, gap, moment, timing);
  const base = link.full || before === null ? NOTHING : before;
  const isKnown = before !== null && before.epoch === link.epoch && !state.resync;
  const contents = withStaged<Item>(base, inOrder(link.staging), (isKnown ? before : NOTHING).objects);
  if (contents.digest !== commit.digest) {
    return refuse(state, otherDigest('commit', commit.revision), moment, timing);
  }
  const { epoch } = link;
  const { revision, committedAt, kill = false } = commit;
  const snapshot: Snapshot<Item> = { epoch, revision, committedAt, ...contents };
  const committed: FollowerState<Item> = { ...state, snapshot, source: 'stream' };
  const next: Open<Item> = { ...link, full: false, staging: NOTHING_STAGED };
  return {
    state: current(committed, next, moment.now, moment.now),
    effects: [{ type: 'publish', publication: { snapshot, source: 'stream', kill } }],
  };
}

/** Whether a poll has brought the copy to a commit of the first transfer, or beyond, while it was on its way. */
function isOvertaken<Item extends Versioned>(
  { snapshot, source }: FollowerState<Item>,
  link: Open<Item>,
  { revision }: CommitMessage,
): boolean {
  return (
    link.liveSince === null &&
    source === 'poll' &&
    snapshot !== null &&
    snapshot.epoch === link.epoch &&
    revision <= snapshot.revision
  );
}

/** Nothing of it is news. The stream is live once it stands where the copy does. */
function onOvertaken<Item extends Versioned>(
  state: FollowerState<Item>,
  link: Open<Item>,
  { revision, digest }: CommitMessage,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const next: Open<Item> = { ...link, full: false, staging: NOTHING_STAGED };
  if (revision !== state.snapshot?.revision) return unchanged({ ...state, link: next });
  if (digest !== state.snapshot.digest) {
    return refuse(state, otherDigest('commit', revision), moment, timing);
  }
  return { state: current(state, next, moment.now, moment.now), effects: [] };
}

function onHeartbeat<Item extends Versioned>(
  state: FollowerState<Item>,
  link: Open<Item>,
  heartbeat: HeartbeatMessage,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const { snapshot } = state;
  // The first objects are still on their way: there is nothing to compare yet.
  if (link.liveSince === null || snapshot === null) return { state: { ...state, link }, effects: [] };
  if (heartbeat.revision !== snapshot.revision) {
    const message = `heartbeat at ${heartbeat.revision}, here is ${snapshot.revision}`;
    return lose(state, { problem: { message } }, moment, timing);
  }
  if (heartbeat.digest !== snapshot.digest) {
    return refuse(state, otherDigest('heartbeat', heartbeat.revision), moment, timing);
  }
  return unchanged(vouched(state, link, heartbeat.databaseAgeMs, moment, timing));
}

/** The copy is the server's. One that is cut off from its database cannot say more than that (F59). */
function vouched<Item extends Versioned>(
  state: FollowerState<Item>,
  link: Open<Item>,
  databaseAgeMs: number,
  moment: Moment,
  timing: FollowerTiming,
): FollowerState<Item> {
  const { now } = moment;
  const next = current(state, link, now, now - Math.max(databaseAgeMs, 0));
  if (!(databaseAgeMs >= timing.staleAfterMs)) return next;
  const isKnown = state.stale && state.link.phase === 'open';
  const until = isKnown ? state.link.until : now + elsewhereDelayMs(moment.random, timing);
  return { ...next, stale: true, link: { ...link, liveSince: link.liveSince ?? now, until } };
}

/** A goodbye is no failure, unless it comes so early that obeying it would make a tight loop. */
function onGoodbye<Item extends Versioned>(
  state: FollowerState<Item>,
  reconnectInMs: number,
  moment: Moment,
  timing: FollowerTiming,
): Step<Item> {
  const { link } = state;
  const served = link.phase === 'open' && link.liveSince !== null ? moment.now - link.liveSince : 0;
  if (served < timing.retryBaseMs) {
    const problem = { message: 'the server said goodbye at once' };
    return lose(state, { problem, askedMs: reconnectInMs }, moment, timing);
  }
  const until = moment.now + askedDelayMs(reconnectInMs, timing);
  const failures = served >= timing.healthyMs ? 0 : state.failures;
  return offline({ ...state, failures, link: { phase: 'waiting', until } }, state, moment.now);
}

export function onRetry<Item extends Versioned>(
  state: FollowerState<Item>,
  { attempt, delayMs }: RetryHappening,
): Step<Item> {
  const { link } = state;
  if (attempt !== state.attempt || (link.phase !== 'connecting' && link.phase !== 'open')) {
    return unchanged(state);
  }
  return { state: { ...state, link: { ...link, askedMs: delayMs } }, effects: [] };
}

/** Why a commit does not follow on what is here; `undefined` when it does. */
function gapBefore<Item extends Versioned>(
  before: Snapshot<Item> | null,
  link: Open<Item>,
  revision: number,
): string | undefined {
  if (before === null || before.epoch !== link.epoch) {
    return link.full ? undefined : `commit ${revision}: belongs to another epoch`;
  }
  // A full transfer may repeat the revision: it mends a copy that had gone wrong.
  const follows = link.full ? revision >= before.revision : revision > before.revision;
  return follows ? undefined : `commit ${revision}: here is ${before.revision} already`;
}

function behind(theirs: number, ours: number): Loss {
  return { problem: { message: `the server is at ${theirs}, behind ${ours} of the same epoch` } };
}
