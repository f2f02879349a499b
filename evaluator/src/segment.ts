import type { SegmentDefinition } from '@dimmer/schema';
import type { Place } from './compile-in-order.ts';
import type { Scope } from './condition.ts';
import { compileCondition } from './condition.ts';
import type { Defect } from './defect.ts';
import { createDefectLog } from './defect.ts';
import type { Links } from './links.ts';
import type { Predicate } from './predicate.ts';
import { subjectReaderOf } from './subject.ts';

/** A segment, compiled: a question about a context. Immutable. */
export interface CompiledSegment {
  readonly key: string;
  readonly definition: SegmentDefinition;
  /** Whether the context belongs to it. Total. */
  readonly holds: Predicate;
  /** Segments from this one to the end of its longest chain of references; 1 when it references none. */
  readonly depth: number;
  /** Why it cannot be used; every flag that references it shares the defect. */
  readonly defect?: Defect;
  /** What it was compiled with; `null` where it must be compiled again in any case. */
  readonly links: Links | null;
}

/** Compiles a segment whose references are compiled. It never throws: what is wrong becomes `defect`. */
export function compileSegment(
  definition: SegmentDefinition,
  { depth, links, chainFault }: Place,
  segments: Scope['segments'],
): CompiledSegment {
  const log = createDefectLog();
  if (chainFault !== undefined) log.invalid('$.when', chainFault);
  const when =
    definition.when === null ? nobody : compileCondition(definition.when, '$.when', { log, segments });
  const defect = log.first();
  return Object.freeze({
    key: definition.key,
    definition,
    holds: defect === undefined ? membershipOf(definition, when) : nobody,
    depth,
    ...(defect !== undefined && { defect }),
    links,
  });
}

/** Included beats excluded, both beat the condition. */
function membershipOf({ by, included, excluded }: SegmentDefinition, when: Predicate): Predicate {
  if (included.length === 0 && excluded.length === 0) return when;
  const subjectOf = subjectReaderOf(by);
  const members = new Set(included);
  const strangers = new Set(excluded);
  return (context) => {
    const subject = subjectOf(context);
    if (subject === undefined) return when(context);
    return members.has(subject) || (!strangers.has(subject) && when(context));
  };
}

function nobody(): boolean {
  return false;
}
