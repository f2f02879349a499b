import { formatCursor } from '@dimmer/schema';
import type { RulesetAt } from '../delivery/environment-ruleset.ts';
import type { ClientContext } from '../evaluation/client-context.ts';
import { fingerprintOf } from '../evaluation/client-context.ts';
import { etagOf } from '../http/etag.ts';
import type { EncodedAnswers } from './encoded-answers.ts';
import type { Audience } from './visible-flags.ts';
import { visibleFlagsOf } from './visible-flags.ts';

/** After how many seconds without anybody looking a client should close its stream. */
const INACTIVITY_DELAY_SECONDS = 120;

/** What a bulk answer is made from. */
export interface BulkQuestion {
  readonly at: RulesetAt;
  readonly audience: Audience;
  readonly asked: ClientContext;
}

/**
 * The entity tag of a bulk answer: the configuration, whose flags, the context, and the hour of the stream URL that
 * comes with it. Providers keep their tag when an attribute changes: one that named the configuration alone would
 * get them the values of another context.
 *
 * @param hour - See `ticketHourOf`.
 * @example bulkEtag({ at, audience: 'client', asked }, 494_500) // '"k3v9:42:client:494500:0f3a…"'
 */
export function bulkEtag({ at, audience, asked }: BulkQuestion, hour: number): string {
  return etagOf(`${formatCursor(at)}:${audience}:${hour}:${fingerprintOf(asked)}`);
}

/**
 * The JSON of a bulk answer: every flag that the key sees.
 *
 * @param streamUrl - Path and query of its event stream.
 */
export function bulkBody(question: BulkQuestion, encode: EncodedAnswers, streamUrl: string): string {
  const { at, audience, asked } = question;
  const flags: string[] = [];
  for (const flag of visibleFlagsOf(at.ruleset, audience)) {
    flags.push(encode(flag, flag.evaluate(asked.context)).body);
  }
  const metadata = JSON.stringify({ epoch: at.epoch, revision: at.revision });
  const stream = {
    type: 'sse',
    endpoint: { requestUri: streamUrl },
    inactivityDelaySec: INACTIVITY_DELAY_SECONDS,
  };
  const eventStreams = JSON.stringify([stream]);
  return `{"flags":[${flags.join()}],"metadata":${metadata},"eventStreams":${eventStreams}}`;
}
