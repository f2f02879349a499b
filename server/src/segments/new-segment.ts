import type { SegmentInput } from '@dimmer/schema/rest';
import { unlessFaulty } from '../changes/fault.ts';
import type { Result } from '../changes/result.ts';
import type { Segment } from './segment.ts';
import { faultsOfSegment } from './segment-faults.ts';

/**
 * The segment that is asked for, or what is wrong with it.
 *
 * @param previous - What it replaces; lends the name that the input leaves out.
 * @example newSegment(SegmentInput.parse({ key: 'beta', included: ['user-1'] }))
 */
export function newSegment(input: Omit<SegmentInput, 'reason'>, previous?: Segment): Result<Segment> {
  const segment: Segment = {
    key: input.key,
    name: input.name ?? previous?.name ?? input.key,
    description: input.description,
    tags: input.tags,
    by: input.by,
    included: input.included,
    excluded: input.excluded,
    when: input.when,
  };
  return unlessFaulty(faultsOfSegment(segment), () => segment);
}
