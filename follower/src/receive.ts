import type {
  CommitMessage,
  GoodbyeMessage,
  HeartbeatMessage,
  HelloMessage,
  Versioned,
} from '@dimmer/schema';
import { askedDelayMs, silenceMs } from './backoff.ts';
import type { Happening } from './event.ts';
import type { Snapshot, StagedObject } from './snapshot.ts';
import { NOTHING, withStaged } from './snapshot.ts';
import { inOrder, stage } from './staging.ts';
import type { FollowerState } from './state.ts';
import { isCutOff, isLive } from './state.ts';
import type { Turn } from './turn.ts';
import { current, distrust, leave, liveSinceOf, lose, publish, refuse, refuseDigest } from './turn.ts';

type MessageHappening<Item extends Versioned> = Extract<Happening<Item>, { type: 'message' }>;

/** One event of the stream that is under way. */
export function onMessage<Item extends Versioned>(
  turn: Turn<Item>,
  { decoded, size }: MessageHappening<Item>,
): void {
  const { state, now } = turn;
  if (decoded.outcome === 'malformed') refuse(turn, 'MALFORMED', decoded.problem);
  if (decoded.outcome !== 'decoded') return;
  const message = decoded.value;
  if (message.type === 'goodbye') onGoodbye(turn, message);
  else if (message.type === 'hello' && mayCross(state, message)) onCrossing(turn, message);
  else if ((message.type === 'hello') !== (state.phase === 'connecting')) {
    distrust(turn, `${message.type} out of turn: hello comes first, and once`);
  } else {
    if (!isCutOff(state)) state.until = now + state.silenceMs;
    if (message.type === 'hello') onHello(turn, message);
    else if (message.type === 'commit') onCommit(turn, message);
    else if (message.type === 'heartbeat') onHeartbeat(turn, message);
    else onStaged(turn, message, size);
  }
}

function onHello<Item extends Versioned>(turn: Turn<Item>, hello: HelloMessage): void {
  const { state, now, timing } = turn;
  const { epoch, revision, mode, heartbeatMs, databaseAgeMs } = hello;
  state.epoch = epoch;
  const known = hereOf(state)?.revision ?? -1;
  state.isFull = mode === 'full';
  const fits = state.isFull || (known >= 0 && !state.resync && (mode === 'delta' || revision === known));
  if (revision < known) {
    lose(turn, { message: `the server is at ${revision}, behind ${known} of the same epoch` });
  } else if (!fits) distrust(turn, `hello: ${mode} at ${revision} does not fit what was asked for`);
  else {
    state.phase = 'open';
    state.staged = null;
    state.isCrossing = false;
    state.silenceMs = silenceMs(heartbeatMs, timing);
    state.until = now + state.silenceMs;
    if (mode === 'none') current(turn, databaseAgeMs);
  }
}

/** Whether a second `hello` says that the server goes on in another epoch, from exactly what is here or from nothing. */
function mayCross<Item extends Versioned>(
  { phase, staged, isCrossing, epoch }: FollowerState<Item>,
  hello: HelloMessage,
): boolean {
  return phase === 'live' && staged === null && !isCrossing && hello.epoch !== epoch && hello.mode !== 'none';
}

function onCrossing<Item extends Versioned>({ state }: Turn<Item>, { epoch, mode }: HelloMessage): void {
  state.epoch = epoch;
  state.isFull = mode === 'full';
  state.isCrossing = true;
}

function onStaged<Item extends Versioned>(turn: Turn<Item>, object: StagedObject<Item>, size: number): void {
  const { state, timing } = turn;
  state.staged = stage(state.staged, object, size);
  if (state.staged.size > timing.stagedCharactersMax) {
    refuse(turn, 'TOO_LARGE', `more than ${timing.stagedCharactersMax} characters without a commit`);
  }
}

function onCommit<Item extends Versioned>(turn: Turn<Item>, commit: CommitMessage): void {
  const { state } = turn;
  const { isFull, isCrossing, staged, resync } = state;
  const { revision, digest, committedAt, kill } = commit;
  const here = hereOf(state);
  state.isFull = false;
  state.isCrossing = false;
  state.staged = null;
  if (here !== null && isOvertaken(state, here, revision)) {
    // Nothing of it is news. The stream is live once it stands where the copy does.
    if (revision < here.revision) return;
    if (digest === here.digest) current(turn);
    else refuseDigest(turn, 'commit', revision);
    return;
  }
  // A full transfer may repeat the revision: it mends a copy that had gone wrong.
  const follows = isFull
    ? revision >= (here?.revision ?? 0)
    : isCrossing || (here !== null && revision > here.revision);
  const base = isFull ? null : isCrossing ? state.snapshot : here;
  const known = (resync ? null : here) ?? NOTHING;
  const contents = withStaged<Item>(base ?? NOTHING, inOrder(staged), known.objects);
  if (!follows) distrust(turn, `commit ${revision} does not follow on what is here`);
  else if (contents.digest !== digest) refuseDigest(turn, 'commit', revision);
  else {
    state.snapshot = { epoch: state.epoch ?? '', revision, committedAt, ...contents };
    current(turn);
    publish(turn, 'stream', kill === true);
  }
}

function onHeartbeat<Item extends Versioned>(turn: Turn<Item>, heartbeat: HeartbeatMessage): void {
  const { snapshot } = turn.state;
  const { revision, digest, databaseAgeMs } = heartbeat;
  // The first objects are still on their way: there is nothing to compare yet.
  if (!isLive(turn.state) || snapshot === null) return;
  if (revision !== snapshot.revision) {
    lose(turn, { message: `heartbeat at ${revision}, here is ${snapshot.revision}` });
  } else if (digest !== snapshot.digest) refuseDigest(turn, 'heartbeat', revision);
  else current(turn, databaseAgeMs);
}

/** A goodbye is no failure, unless it comes so early that obeying it would make a tight loop. */
function onGoodbye<Item extends Versioned>(turn: Turn<Item>, { reconnectInMs }: GoodbyeMessage): void {
  const { state, now, timing } = turn;
  if (now - liveSinceOf(state, now) < timing.retryBaseMs) {
    lose(turn, { message: 'the server said goodbye at once' }, reconnectInMs);
  } else {
    leave(turn);
    state.until = now + askedDelayMs(reconnectInMs, timing);
  }
}

/** The snapshot, where it is of the epoch of the stream. */
function hereOf<Item extends Versioned>({ snapshot, epoch }: FollowerState<Item>): Snapshot<Item> | null {
  return snapshot?.epoch === epoch ? snapshot : null;
}

/** Whether a poll has brought the copy to a commit of the first transfer, or beyond, while it was on its way. */
function isOvertaken<Item extends Versioned>(
  state: FollowerState<Item>,
  here: Snapshot<Item>,
  revision: number,
): boolean {
  return !isLive(state) && state.source === 'poll' && revision <= here.revision;
}
