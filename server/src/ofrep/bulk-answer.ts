import { createHash } from 'node:crypto';
import type { EvaluationContext } from '@dimmer/schema';
import { formatCursor } from '@dimmer/schema';
import type { RulesetAt } from '../delivery/environment-ruleset.ts';
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
  readonly context: EvaluationContext;
}

/**
 * The entity tag of a bulk answer: the configuration, whose flags, the context, and the hour of the stream URL that
 * comes with it. Providers keep their tag when an attribute changes: one that named the configuration alone would
 * get them the values of another context.
 *
 * @param hour - See `ticketHourOf`.
 * @example bulkEtag({ at, audience: 'client', context }, 494_500) // '"k3v9:42:c:494500:0f3a…"'
 */
export function bulkEtag({ at, audience, context }: BulkQuestion, hour: number): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(sorted(context)))
    .digest('hex')
    .slice(0, 16);
  return etagOf(`${formatCursor(at)}:${audience}:${hour}:${digest}`);
}

/**
 * The JSON of a bulk answer: every flag that the key sees.
 *
 * @param streamUrl - Path and query of its event stream.
 */
export function bulkBody(question: BulkQuestion, encode: EncodedAnswers, streamUrl: string): string {
  const { at, audience, context } = question;
  const flags: string[] = [];
  for (const flag of visibleFlagsOf(at.ruleset, audience)) {
    flags.push(encode(flag, flag.evaluate(context)).body);
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

/** The same for every order of members. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return members.map(([name, member]) => [name, sorted(member)]);
}
