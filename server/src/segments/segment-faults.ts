import type { Fault } from '../changes/fault.ts';
import { faultsOfCondition } from '../flags/condition-faults.ts';
import type { Segment } from './segment.ts';

/**
 * What is wrong with a segment by itself. What depends on other objects is checked once the whole edit is made.
 *
 * @example faultsOfSegment({ ...segment, included: ['a'], excluded: ['a'] })
 * // [{ path: '$.excluded[0]', rule: 'included-and-excluded', ... }]
 */
export function faultsOfSegment({ included, excluded, when }: Segment): Fault[] {
  const includedSet = new Set(included);
  const both = excluded.flatMap((subject, index) =>
    includedSet.has(subject) ? [includedAndExcluded(subject, index)] : [],
  );
  return [...both, ...(when === null ? [] : faultsOfCondition(when, '$.when'))];
}

function includedAndExcluded(subject: string, index: number): Fault {
  return {
    path: `$.excluded[${index}]`,
    rule: 'included-and-excluded',
    message: `repeats "${subject}", which is included`,
    remedy: 'Keep a subject in one of the two lists.',
  };
}
