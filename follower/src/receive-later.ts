import type {
  CommitMessage,
  GoodbyeMessage,
  HeartbeatMessage,
  HelloMessage,
  Versioned,
} from '@dimmer/schema';
import { askedDelayMs } from './backoff.ts';
import type { StreamMessage } from './event.ts';
import { hereOf, isLive, PHASE } from './state.ts';
import type { Turn } from './turn.ts';
import { goLive, leave, liveMs, lose, refuseDigest } from './turn.ts';

/**
 * What a stream says once it is live, or beside polls: heartbeats, goodbyes, another epoch, a commit that a poll has
 * overtaken. A follower that has not got this yet takes them for signs of life, or asks anew.
 *
 * @returns Whether all is done about the message.
 */
export function onLaterMessage<Item extends Versioned>(
  turn: Turn<Item>,
  message: StreamMessage<Item>,
): boolean {
  if (message.type === 'goodbye') onGoodbye(turn, message);
  else if (message.type === 'hello' && mayCross(turn, message)) {
    turn.epoch = message.epoch;
    turn.isFull = message.mode === 'full';
  } else if (turn.phase === PHASE.connecting) return false;
  else if (message.type === 'heartbeat') onHeartbeat(turn, message);
  else if (message.type === 'commit' && isOvertaken(turn, message)) onOvertaken(turn, message);
  else return false;
  return true;
}

/** A goodbye is no failure, unless it comes so early that obeying it would make a tight loop. */
function onGoodbye(turn: Turn<Versioned>, { reconnectInMs }: GoodbyeMessage): void {
  if (liveMs(turn) < turn.timing.retryBaseMs) {
    lose(turn, 'goodbye at once', reconnectInMs);
  } else {
    leave(turn);
    turn.until = turn.now + askedDelayMs(reconnectInMs, turn.timing);
  }
}

/** Whether a second `hello` says that the server goes on in another epoch, from exactly what is here or from nothing. */
function mayCross(turn: Turn<Versioned>, { epoch, mode }: HelloMessage): boolean {
  return isLive(turn) && !turn.staged && hereOf(turn) !== null && epoch !== turn.epoch && mode !== 'none';
}

function onHeartbeat(turn: Turn<Versioned>, heartbeat: HeartbeatMessage): void {
  const { revision, digest, databaseAgeMs } = heartbeat;
  const { snapshot } = turn;
  turn.until = turn.now + turn.silenceMs;
  // The first objects are still on their way: there is nothing to compare yet.
  if (!isLive(turn) || !snapshot) return;
  if (revision !== snapshot.revision) {
    lose(turn, `heartbeat ${revision}: here is ${snapshot.revision}`);
  } else if (digest !== snapshot.digest) refuseDigest(turn, 'heartbeat', revision);
  else goLive(turn, databaseAgeMs);
}

/** Whether a poll has brought what is committed, or more. */
function isOvertaken(turn: Turn<Versioned>, { revision }: CommitMessage): boolean {
  const here = hereOf(turn);
  return here !== null && !isLive(turn) && turn.source === 'poll' && revision <= here.revision;
}

/** Nothing of it is news. The stream is live once it stands where the copy does. */
function onOvertaken(turn: Turn<Versioned>, { revision, digest }: CommitMessage): void {
  const here = hereOf(turn);
  turn.until = turn.now + turn.silenceMs;
  turn.isFull = false;
  turn.staged = null;
  if (revision !== here?.revision) return;
  if (digest === here.digest) goLive(turn);
  else refuseDigest(turn, 'commit', revision);
}
