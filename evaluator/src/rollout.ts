import type { BucketRange, EvaluationContext } from '@dimmer/schema';
import { BUCKETING_ALGORITHM } from '@dimmer/schema';
import type { PreparedEvaluation } from './answers.ts';
import { bucketOf } from './bucket.ts';
import type { DefectLog } from './defect.ts';
import { quote } from './defect.ts';
import { faultOfRanges } from './ranges.ts';
import { isRecord } from './record.ts';
import type { SubjectReader } from './subject.ts';
import { subjectReaderOf } from './subject.ts';

/** A rollout, compiled: who is hashed, with what, and which answer a bucket gets. */
export interface CompiledRollout {
  readonly by: string;
  readonly seed: number;
  readonly subjectOf: SubjectReader;
  readonly answerOf: (bucket: number) => PreparedEvaluation;
}

/**
 * Compiles a rollout definition of unknown shape.
 *
 * @param answerFor - Makes the answer of a variation; `undefined` when the flag has no such variation.
 * @returns `undefined` when it cannot be compiled; the log says why.
 */
export function compileRollout(
  rollout: unknown,
  path: string,
  log: DefectLog,
  answerFor: (variation: string) => PreparedEvaluation | undefined,
): CompiledRollout | undefined {
  if (!isRecord(rollout)) return refuse(log, path, 'must be a rollout');
  const { by, seed, ranges } = rollout;
  if (rollout['algorithm'] !== BUCKETING_ALGORITHM) {
    const message = `${quote(rollout['algorithm'])} is not an algorithm that this build knows; upgrade it or use ${BUCKETING_ALGORITHM}`;
    log.unsupported(`${path}.algorithm`, message);
    return undefined;
  }
  if (typeof by !== 'string' || by === '') return refuse(log, `${path}.by`, 'must be an attribute path');
  if (!isSeed(seed)) return refuse(log, `${path}.seed`, 'must be an unsigned 32-bit integer');
  const fault = faultOfRanges(ranges);
  if (fault !== undefined) return refuse(log, `${path}.ranges`, fault);
  // What has no fault is a list of ranges; a type guard could not say what the fault is.
  const answers = compileRanges(ranges as readonly BucketRange[], `${path}.ranges`, log, answerFor);
  return answers && { by, seed, subjectOf: subjectReaderOf(by), answerOf: answers };
}

/**
 * Turns a rollout into one call from context to answer.
 *
 * @param otherwise - Given for a context without anything to hash.
 */
export function splitter<T>(
  { subjectOf, seed, answerOf }: CompiledRollout,
  otherwise: T,
): (context: EvaluationContext) => PreparedEvaluation | T {
  return (context) => {
    const subject = subjectOf(context);
    return subject === undefined ? otherwise : answerOf(bucketOf(subject, seed));
  };
}

function compileRanges(
  ranges: readonly BucketRange[],
  path: string,
  log: DefectLog,
  answerFor: (variation: string) => PreparedEvaluation | undefined,
): ((bucket: number) => PreparedEvaluation) | undefined {
  const answers: PreparedEvaluation[] = [];
  for (const [index, [, , variation]] of ranges.entries()) {
    const answer = answerFor(variation);
    if (answer === undefined) {
      return refuse(log, `${path}[${index}][2]`, `${quote(variation)} is not a variation of the flag`);
    }
    answers.push(answer);
  }
  return lookupOf(
    answers,
    ranges.slice(1).map(([start]) => start),
  );
}

/** `answers[i]` for buckets below `limits[i]` and not below the one before; the last answer takes the rest. */
function lookupOf(
  answers: readonly PreparedEvaluation[],
  limits: readonly number[],
): ((bucket: number) => PreparedEvaluation) | undefined {
  const [first, second, third] = answers;
  const [low = 0, high = 0] = limits;
  if (first === undefined) return undefined;
  if (second === undefined) return () => first;
  if (third === undefined) return (bucket) => (bucket < low ? first : second);
  if (answers.length === 3) return (bucket) => (bucket < low ? first : bucket < high ? second : third);
  return searchOf(answers, Uint32Array.from(limits), first);
}

/** Binary search for the number of limits that are not above the bucket. */
function searchOf(
  answers: readonly PreparedEvaluation[],
  limits: Uint32Array,
  first: PreparedEvaluation,
): (bucket: number) => PreparedEvaluation {
  return (bucket) => {
    let low = 0;
    let high = limits.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bucket < (limits[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    return answers[low] ?? first;
  };
}

function isSeed(seed: unknown): seed is number {
  return typeof seed === 'number' && Number.isInteger(seed) && seed >= 0 && seed <= 0xffff_ffff;
}

function refuse(log: DefectLog, path: string, message: string): undefined {
  log.invalid(path, message);
  return undefined;
}
