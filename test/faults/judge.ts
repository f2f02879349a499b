import type { Entry } from './history-file.ts';
import type { Model } from './model.ts';
import { replayStreams } from './replay-streams.ts';
import { CLIENT_VALIDATORS, readingsOf } from './validate-clients.ts';
import { STREAM_VALIDATORS } from './validate-streams.ts';

/** How many violations of one kind are told; the others are like them. */
const VIOLATIONS_SHOWN = 5;

/** What came of judging a run. */
export interface Judged {
  /** `validator: what did not hold`. */
  readonly violations: readonly string[];
  readonly counts: {
    /** Frames that raw clients were sent, and flags that SDKs were asked: what was judged. */
    readonly frames: number;
    readonly readings: number;
    readonly commits: number;
    readonly heartbeats: number;
    /** Commits that brought a reader over several revisions at once. */
    readonly merged: number;
  };
}

/** Judges what was written down, and nothing else: a file can be judged again. */
export function judge(entries: readonly Entry[], model: Model): Judged {
  const streams = replayStreams(entries);
  const judged = [
    ...Object.entries(STREAM_VALIDATORS).map(([name, validate]) => [name, validate(streams, model)] as const),
    ...Object.entries(CLIENT_VALIDATORS).map(([name, validate]) => [name, validate(entries, model)] as const),
  ];
  const { delivered, bookmarks } = streams;
  return {
    violations: judged.flatMap(([name, found]) =>
      found.slice(0, VIOLATIONS_SHOWN).map((violation) => `${name}: ${violation}`),
    ),
    counts: {
      frames: entries.filter(({ op }) => op === 'frame').length,
      readings: entries.reduce((total, entry) => total + readingsOf(entry).length, 0),
      commits: delivered.length,
      heartbeats: bookmarks.length,
      merged: delivered.filter(({ full, from, revision }) => !full && revision > from + 1).length,
    },
  };
}
