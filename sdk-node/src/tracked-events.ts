import type { EvaluationContext } from '@dimmer/schema';
import type { TrackDetails } from './flags.ts';

/** Something that happened, until it is reported. */
export interface TrackedEvent {
  readonly name: string;
  /** ISO 8601. */
  readonly at: string;
  /** Of the context, only who it was: the rest stays in this process. */
  readonly targetingKey?: string;
  readonly details: TrackDetails;
}

/** A bounded buffer. What does not fit is dropped and counted: analytics must not cost the program its memory. */
export class TrackedEvents {
  readonly #eventsMax: number;
  #events: TrackedEvent[] = [];
  #dropped = 0;

  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax;
  }

  add(name: string, context: EvaluationContext, details: TrackDetails, at: Date): void {
    if (this.#events.length >= this.#eventsMax) {
      this.#dropped += 1;
      return;
    }
    const targetingKey = targetingKeyOf(context);
    this.#events.push({
      name,
      at: at.toISOString(),
      ...(targetingKey !== undefined && { targetingKey }),
      details: { ...details },
    });
  }

  totals(): { readonly buffered: number; readonly dropped: number } {
    return { buffered: this.#events.length, dropped: this.#dropped };
  }

  /** Takes what is buffered, for a report. */
  drain(): { readonly events: readonly TrackedEvent[]; readonly dropped: number } {
    const drained = { events: this.#events, dropped: this.#dropped };
    this.#events = [];
    this.#dropped = 0;
    return drained;
  }
}

function targetingKeyOf(context: EvaluationContext): string | undefined {
  try {
    const { targetingKey } = context;
    return typeof targetingKey === 'string' ? targetingKey : undefined;
  } catch {
    return undefined;
  }
}
