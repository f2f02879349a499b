import type {
  EvaluationContext,
  FlagDefinition,
  OpaqueObject,
  SegmentDefinition,
  WireObject,
} from '@dimmer/schema';
import { isFlagDefinition, isSegmentDefinition, LIMITS } from '@dimmer/schema';
import type { PreparedEvaluation } from './answers.ts';
import { createAnswers } from './answers.ts';
import type { CompiledFlag } from './compile.ts';
import { compileDamaged, compileFlag } from './compile.ts';
import { compileInOrder } from './compile-in-order.ts';
import { linksHold } from './links.ts';
import { flagsNamedBy, segmentsNamedBySegment } from './references.ts';
import type { CompiledSegment } from './segment.ts';
import { compileSegment } from './segment.ts';

/** Everything of one snapshot, compiled. Immutable: a change makes a new one, which shares what is unchanged. */
export interface Ruleset {
  readonly flags: ReadonlyMap<string, CompiledFlag>;
  readonly segments: ReadonlyMap<string, CompiledSegment>;
}

/**
 * Compiles the objects of a snapshot. Evaluations look nothing up: a flag holds its prerequisites and
 * segments, all of the same snapshot.
 *
 * @param objects - All objects of the snapshot. Of several with one kind and key the last counts.
 * @param previous - The ruleset before. What has the identical definition object, and was compiled with
 *   objects that are reused as well, is taken from it; a damaged flag or segment keeps what it had.
 * @returns A new ruleset. It never throws: a definition that cannot be used becomes a flag with a `defect`.
 * @example
 * const ruleset = buildRuleset(snapshot.objects);
 * ruleset.flags.get('checkout-v2')?.evaluate({ targetingKey: 'user-1' });
 */
export function buildRuleset(objects: Iterable<WireObject>, previous?: Ruleset): Ruleset {
  const sources = sort(objects, previous);
  const segments = compileSegments(sources.segments, previous?.segments);
  const flags = compileFlags(sources.flags, segments, previous?.flags);
  return Object.freeze({ flags, segments });
}

/**
 * Evaluates one flag. A key that the ruleset does not have is an evaluation too: no value, `FLAG_NOT_FOUND`.
 *
 * @example evaluate(ruleset, 'checkout-v2', { targetingKey: 'user-1' }).value
 */
export function evaluate(
  ruleset: Ruleset,
  key: string,
  context: EvaluationContext | null | undefined,
): PreparedEvaluation {
  return ruleset.flags.get(key)?.evaluate(context) ?? flagNotFound;
}

const flagNotFound: PreparedEvaluation = createAnswers({ variations: {}, version: 0, isStatic: false }).of({
  variation: null,
  reason: 'ERROR',
  errorCode: 'FLAG_NOT_FOUND',
});

interface Sources {
  readonly flags: Map<string, FlagDefinition | OpaqueObject>;
  readonly segments: Map<string, SegmentDefinition>;
}

/** What arrived damaged stands for its last sound definition; a segment without one counts as absent. */
function sort(objects: Iterable<WireObject>, previous: Ruleset | undefined): Sources {
  const flags: Sources['flags'] = new Map();
  const segments: Sources['segments'] = new Map();
  for (const object of objects) {
    if (isFlagDefinition(object)) flags.set(object.key, object);
    else if (isSegmentDefinition(object)) segments.set(object.key, object);
    else if (object.kind === 'flag') {
      flags.set(object.key, previous?.flags.get(object.key)?.definition ?? object);
    } else if (object.kind === 'segment') {
      const last = previous?.segments.get(object.key)?.definition;
      if (last !== undefined) segments.set(object.key, last);
    }
  }
  return { flags, segments };
}

function compileSegments(
  definitions: Sources['segments'],
  previous: Ruleset['segments'] | undefined,
): Ruleset['segments'] {
  return compileInOrder({
    definitions,
    referencesOf: segmentsNamedBySegment,
    depthMax: LIMITS.segmentDepth * 2,
    previousOf: (key, definition) => {
      const last = previous?.get(key);
      return last?.definition === definition ? last : undefined;
    },
    compile: compileSegment,
  });
}

function compileFlags(
  definitions: Sources['flags'],
  segments: Ruleset['segments'],
  previous: Ruleset['flags'] | undefined,
): Ruleset['flags'] {
  return compileInOrder({
    definitions,
    referencesOf: (source) => (isFlagDefinition(source) ? flagsNamedBy(source) : []),
    depthMax: LIMITS.prerequisiteDepth * 2,
    previousOf: (key, definition) => {
      const last = previous?.get(key);
      return last?.definition === definition && linksHold(last.segmentLinks, segments) ? last : undefined;
    },
    compile: (source, place, flags) =>
      isFlagDefinition(source) ? compileFlag(source, { flags, segments }, place) : compileDamaged(source),
  });
}
