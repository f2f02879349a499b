import type { FollowerState, FollowerStatus, StreamProblem } from '@dimmer/follower';
import { modeOf, PHASE, statusOf } from '@dimmer/follower';
import type { WireObject } from '@dimmer/schema';

type State = FollowerState<WireObject>;

/** A line for the log of the program. */
export interface LogLine {
  readonly level: 'warn' | 'error';
  readonly text: string;
}

/** What was told of last. */
export interface Told {
  readonly status: FollowerStatus;
  readonly problem: StreamProblem | null;
}

/** What a person who reads the log needs to know of a new state. What goes well is not told. */
export function stateLines(state: State, told: Told): readonly LogLine[] {
  const lines: LogLine[] = [];
  if (isFirstFailure(state) && state.problem !== told.problem) {
    lines.push({ level: 'warn', text: `no stream yet, ${servedInstead(state)}: ${messageOf(state)}` });
  }
  const status = statusOf(state);
  if (status === told.status) return lines;
  if (status === 'REFUSED') {
    const text = `the server refuses the key, flags stay as they are: ${messageOf(state)}`;
    lines.push({ level: 'error', text });
  }
  if (status === 'STALE') {
    lines.push({ level: 'warn', text: `no stream for a while, ${meanwhile(state)}: ${messageOf(state)}` });
  }
  return lines;
}

/** Whether the first attempt of all has just failed, for another reason than the key. */
function isFirstFailure({ failures, liveSince, refused, phase, polling }: State): boolean {
  const isFirst = failures === 1 && liveSince === null && (polling?.number ?? 0) === 0;
  return isFirst && !refused && phase === PHASE.waiting;
}

function meanwhile(state: State): string {
  return modeOf(state) === 'poll' ? 'flags are polled' : 'flags stay as they are';
}

function servedInstead({ source }: State): string {
  return source === null ? 'callers get their fallbacks' : `flags are those of the ${source}`;
}

function messageOf({ problem }: State): string {
  return problem?.message ?? 'no answer';
}
