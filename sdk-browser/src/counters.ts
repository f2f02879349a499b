import type { ReportBatch, ReportedEvent } from '@dimmer/schema';
import type { TrackDetails } from './flags.ts';
import type { Answer } from './values.ts';

/** Different answers that are told apart until they are reported. */
export const EXPOSURES_MAX = 200;
/** Events until they are reported, and characters of all of them. */
export const EVENTS_MAX = 100;
export const EVENT_CHARACTERS_MAX = 20_000;

/** A key that a program asked for may be of any length. */
const FLAG_CHARACTERS_MAX = 200;

/** What was counted since the last report. */
export type Counted = Omit<ReportBatch, 'id'>;

/** Counts what was served and notes what happened, within bounds. What is too much is dropped and counted. */
export interface Counters {
  readonly expose: (flag: string, answer: Answer) => void;
  readonly track: (event: Omit<ReportedEvent, 'details'> & { readonly details: TrackDetails }) => void;
  readonly dropped: () => Counted['dropped'];
  /** Takes what was counted; `undefined`: nothing was. */
  readonly drain: () => Counted | undefined;
}

export function countersOf(): Counters {
  const none = () => ({
    exposures: new Map<string, { count: number } & Omit<ReportBatch['exposures'][number], 'count'>>(),
    events: [] as ReportedEvent[],
    characters: 0,
    dropped: { exposures: 0, events: 0 },
  });
  let counted = none();

  return {
    expose(flag, { variation, reason, errorCode, revision }) {
      const { exposures, dropped } = counted;
      const name = [flag, variation, reason, errorCode].join();
      const known = exposures.get(name);
      if (known) known.count += 1;
      else if (exposures.size >= EXPOSURES_MAX) dropped.exposures += 1;
      else {
        const short = flag.slice(0, FLAG_CHARACTERS_MAX);
        exposures.set(name, { flag: short, variation, reason, errorCode, revision, count: 1 });
      }
    },
    track(event) {
      const { events, dropped } = counted;
      const characters = counted.characters + JSON.stringify(event).length;
      if (events.length < EVENTS_MAX && characters <= EVENT_CHARACTERS_MAX) {
        counted.characters = characters;
        events.push(event);
      } else dropped.events += 1;
    },
    dropped: () => counted.dropped,
    drain() {
      const { events, dropped } = counted;
      const exposures = [...counted.exposures.values()];
      if (!(exposures.length + events.length + dropped.exposures + dropped.events)) return undefined;
      counted = none();
      return { exposures, events, dropped };
    },
  };
}
