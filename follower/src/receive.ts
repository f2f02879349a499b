import type { CommitMessage, Decoded, HelloMessage, Versioned } from '@dimmer/schema';
import { silenceMs } from './backoff.ts';
import type { StreamMessage } from './event.ts';
import { NOTHING, withStaged } from './snapshot.ts';
import { inOrder, stage } from './staging.ts';
import { hereOf, isLive, PHASE } from './state.ts';
import type { Turn } from './turn.ts';
import { distrust, goLive, lose, refuse, refuseDigest } from './turn.ts';

/**
 * One event of the stream that is under way.
 *
 * @param size - The number of characters of its data.
 * @param onOther - Takes first what it knows: `onLaterMessage`.
 */
export function onMessage<Item extends Versioned>(
  turn: Turn<Item>,
  decoded: Decoded<StreamMessage<Item>>,
  size: number,
  onOther?: (turn: Turn<Item>, message: StreamMessage<Item>) => boolean,
): void {
  if (decoded.outcome === 'malformed') refuse(turn, decoded.problem, 'MALFORMED');
  if (decoded.outcome !== 'decoded') return;
  const message = decoded.value;
  if (onOther?.(turn, message)) return;
  if (message.type === 'goodbye' || (message.type === 'hello') !== (turn.phase === PHASE.connecting)) {
    distrust(turn, `${message.type} out of turn`);
  } else if (message.type === 'hello') onHello(turn, message);
  else {
    turn.until = turn.now + turn.silenceMs;
    if (message.type === 'commit') onCommit(turn, message);
    else if (message.type === 'put' || message.type === 'delete') {
      turn.staged = stage(turn.staged, message, size);
      if (turn.staged.size > turn.timing.stagedCharactersMax) {
        refuse(turn, 'too much without a commit', 'TOO_LARGE');
      }
    }
  }
}

function onHello(turn: Turn<Versioned>, hello: HelloMessage): void {
  const { epoch, revision, mode, heartbeatMs, databaseAgeMs } = hello;
  turn.epoch = epoch;
  turn.isFull = mode === 'full';
  const known = hereOf(turn)?.revision ?? -1;
  if (revision < known) {
    lose(turn, `the server is behind: at ${revision}, here is ${known}`);
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
