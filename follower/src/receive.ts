import type {
  CommitMessage,
  Decoded,
  GoodbyeMessage,
  HeartbeatMessage,
  HelloMessage,
  Versioned,
} from '@dimmer/schema';
import { askedDelayMs, silenceMs } from './backoff.ts';
import type { StreamMessage } from './event.ts';
import type { Snapshot } from './snapshot.ts';
import { NOTHING, withStaged } from './snapshot.ts';
import { inOrder, stage } from './staging.ts';
import type { FollowerState } from './state.ts';
import { isLive, PHASE } from './state.ts';
import type { Turn } from './turn.ts';
import { distrust, goLive, leave, liveMs, lose, refuse, refuseDigest } from './turn.ts';

/** One event of the stream that is under way. @param size - The number of characters of its data. */
export function onMessage<Item extends Versioned>(
  turn: Turn<Item>,
  decoded: Decoded<StreamMessage<Item>>,
  size: number,
): void {
  if (decoded.outcome === 'malformed') refuse(turn, 'MALFORMED', decoded.problem);
  if (decoded.outcome !== 'decoded') return;
  const message = decoded.value;
  if (message.type === 'goodbye') onGoodbye(turn, message);
  else if (message.type === 'hello' && mayCross(turn, message)) {
    turn.epoch = message.epoch;
    turn.isFull = message.mode === 'full';
  } else if ((message.type === 'hello') !== (turn.phase === PHASE.connecting)) {
    distrust(turn, `${message.type} out of turn`);
  } else if (message.type === 'hello') onHello(turn, message);
  else {
    turn.until = turn.now + turn.silenceMs;
    if (message.type === 'commit') onCommit(turn, message);
    else if (message.type === 'heartbeat') onHeartbeat(turn, message);
    else {
      turn.staged = stage(turn.staged, message, size);
      if (turn.staged.size > turn.timing.stagedCharactersMax) {
        refuse(turn, 'TOO_LARGE', 'too much without a commit');
      }
    }
  }
}

/** Whether a second `hello` says that the server goes on in another epoch, from exactly what is here or from nothing. */
function mayCross(turn: Turn<Versioned>, { epoch, mode }: HelloMessage): boolean {
  return isLive(turn) && !turn.staged && hereOf(turn) !== null && epoch !== turn.epoch && mode !== 'none';
}

function onHello(turn: Turn<Versioned>, hello: HelloMessage): void {
  const { epoch, revision, mode, heartbeatMs, databaseAgeMs } = hello;
  turn.epoch = epoch;
  turn.isFull = mode === 'full';
  const known = hereOf(turn)?.revision ?? -1;
  if (revision < known) {
    lose(turn, { message: `the server is behind: at ${revision}, here is ${known}` });
  } else if (!turn.isFull && (known < 0 || turn.resync || (mode === 'none' && revision > known))) {
    distrust(turn, `hello ${revision}: ${mode} does not fit`);
  } else {
    turn.phase = PHASE.open;
    turn.silenceMs = silenceMs(heartbeatMs, turn.timing);
    turn.until = turn.now + turn.silenceMs;
    if (mode === 'none') goLive(turn, databaseAgeMs);
  }
}

function onCommit<Item extends Versioned>(turn: Turn<Item>, commit: CommitMessage): void {
  const { revision, digest, committedAt, kill = false } = commit;
  const { isFull, staged } = turn;
  const here = hereOf(turn);
  turn.isFull = false;
  turn.staged = null;
  if (here && !isLive(turn) && turn.source === 'poll' && revision <= here.revision) {
    // A poll has overtaken it: nothing of it is news. The stream is live once it stands where the copy does.
    if (revision < here.revision) return;
    if (digest === here.digest) goLive(turn);
    else refuseDigest(turn, 'commit', revision);
    return;
  }
  const known = (turn.resync ? null : here) ?? NOTHING;
  const base = (isFull ? null : turn.snapshot) ?? NOTHING;
  const contents = withStaged<Item>(base, inOrder(staged), known.objects);
  // A stream that is live, and not of the epoch that is here, crosses to it, at whatever revision.
  // A full transfer may repeat the revision: it mends a copy that had gone wrong.
  if (here ? revision < here.revision + (isFull ? 0 : 1) : !isFull && !isLive(turn)) {
    distrust(turn, `commit ${revision} does not follow`);
  } else if (contents.digest !== digest) refuseDigest(turn, 'commit', revision);
  else {
    turn.snapshot = { epoch: turn.epoch ?? '', revision, committedAt, ...contents };
    turn.kill = kill;
    goLive(turn);
  }
}

function onHeartbeat(turn: Turn<Versioned>, heartbeat: HeartbeatMessage): void {
  const { revision, digest, databaseAgeMs } = heartbeat;
  const { snapshot } = turn;
  // The first objects are still on their way: there is nothing to compare yet.
  if (!isLive(turn) || !snapshot) return;
  if (revision !== snapshot.revision) {
    lose(turn, { message: `heartbeat ${revision}: here is ${snapshot.revision}` });
  } else if (digest !== snapshot.digest) refuseDigest(turn, 'heartbeat', revision);
  else goLive(turn, databaseAgeMs);
}

/** A goodbye is no failure, unless it comes so early that obeying it would make a tight loop. */
function onGoodbye(turn: Turn<Versioned>, { reconnectInMs }: GoodbyeMessage): void {
  if (liveMs(turn) < turn.timing.retryBaseMs) {
    lose(turn, { message: 'goodbye at once' }, reconnectInMs);
  } else {
    leave(turn);
    turn.until = turn.now + askedDelayMs(reconnectInMs, turn.timing);
  }
}

/** The snapshot, where it is of the epoch of the stream. */
function hereOf<Item extends Versioned>({ snapshot, epoch }: FollowerState<Item>): Snapshot<Item> | null {
  return snapshot?.epoch === epoch ? snapshot : null;
}
