import type { ReportBatch, ReportedEvent, ReportedExposure } from '@dimmer/schema';
import { REPORT_LIMITS } from '@dimmer/schema';
import type { Exposure } from './exposure.ts';
import type { TrackedEvent } from './tracked-events.ts';

/** What was counted since the last report. */
export interface Counted {
  readonly exposures: readonly Exposure[];
  readonly events: readonly TrackedEvent[];
  readonly dropped: { readonly exposures: number; readonly events: number };
}

/** Bytes of JSON in one batch: room is left for the rest of the report. */
const BATCH_BYTES_MAX = REPORT_LIMITS.wireBytes - 32_768;

/** Bytes of one event. A larger one is dropped: it is data, and has its own ways. */
const EVENT_BYTES_MAX = 16_384;

/**
 * Cuts what was counted into batches that the server accepts. What cannot be sent at all (an event that is too
 * large, or no JSON) is counted as dropped, in the first batch.
 *
 * @param newId - A word that no other batch has.
 */
export function batchesOf(counted: Counted, newId: () => string): readonly ReportBatch[] {
  const events = counted.events.flatMap((event) => {
    const bytes = bytesOf(event);
    return bytes > EVENT_BYTES_MAX ? [] : [{ event, bytes }];
  });
  const dropped = {
    exposures: counted.dropped.exposures,
    events: counted.dropped.events + counted.events.length - events.length,
  };
  const drafts: Draft[] = [newDraft()];
  for (const exposure of counted.exposures) {
    const reported = reportedExposure(exposure);
    const draft = withRoom(drafts, bytesOf(reported), ({ exposures }) => exposures.length < EXPOSURES_MAX);
    draft.exposures.push(reported);
  }
  for (const { event, bytes } of events) {
    const draft = withRoom(drafts, bytes, (last) => last.events.length < REPORT_LIMITS.eventsPerBatch);
    draft.events.push(event);
  }
  return drafts
    .map(({ exposures, events }, index) => ({
      id: newId(),
      exposures,
      events,
      dropped: index === 0 ? dropped : NOTHING_DROPPED,
    }))
    .filter((batch) => !isEmpty(batch));
}

const EXPOSURES_MAX = REPORT_LIMITS.exposuresPerBatch;
const NOTHING_DROPPED = { exposures: 0, events: 0 };

interface Draft {
  readonly exposures: ReportedExposure[];
  readonly events: ReportedEvent[];
  bytes: number;
}

function newDraft(): Draft {
  return { exposures: [], events: [], bytes: 0 };
}

/** The last draft, or a new one where it is full. */
function withRoom(drafts: Draft[], bytes: number, hasPlace: (draft: Draft) => boolean): Draft {
  const last = drafts.at(-1);
  const fits = last !== undefined && last.bytes + bytes <= BATCH_BYTES_MAX && hasPlace(last);
  const draft = fits ? last : newDraft();
  if (!fits) drafts.push(draft);
  draft.bytes += bytes;
  return draft;
}

/** Keys and fallbacks may be of any length: a program may have made them of what its users typed. */
function reportedExposure({ flag, fallback, ...rest }: Exposure): ReportedExposure {
  const cut = typeof fallback === 'string' ? cutText(fallback) : fallback;
  return { ...rest, flag: cutText(flag), ...(cut !== undefined && { fallback: cut }) };
}

/** At most so many characters as the server reads. */
export function cutText(text: string): string {
  return text.slice(0, REPORT_LIMITS.textCharacters);
}

/** Infinite for what is no JSON: callers in JavaScript give what they like. */
function bytesOf(value: object): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch {
    return Infinity;
  }
}

function isEmpty({ exposures, events, dropped }: ReportBatch): boolean {
  return exposures.length + events.length + dropped.exposures + dropped.events === 0;
}
