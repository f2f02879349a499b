import type { Condition } from '@dimmer/schema';
import type { SegmentInput, SegmentPatch, SegmentReplacement } from '@dimmer/schema/rest';
import type { Edit } from '../changes/edit.ts';
import { unlessFaulty } from '../changes/fault.ts';
import { namedFields } from '../changes/named-fields.ts';
import { inUse, keyExists, segmentNotFound } from '../changes/rejections.ts';
import { accepted, andThen, mapResult, type Result, rejected } from '../changes/result.ts';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { environmentOf, keyLike, withEnvironment, withSegment } from '../environments/project-state.ts';
import { segmentsOf } from '../flags/configuration-uses.ts';
import { servedFlags } from '../flags/find-flag.ts';
import { newSegment } from './new-segment.ts';
import type { EnvironmentSegment, Segment } from './segment.ts';
import { faultsOfSegment } from './segment-faults.ts';

/** @example createSegment('production', SegmentInput.parse({ key: 'beta', included: ['user-1'] })) */
export function createSegment(environment: string, input: SegmentInput): Edit {
  return (state) =>
    andThen(environmentOf(state, environment), (there) => {
      const taken = keyLike(there.segments.keys(), input.key);
      if (taken !== undefined) return rejected(keyExists('segment', taken));
      return mapResult(newSegment(input), (segment) => placed(state, there, segment));
    });
}

/** Replaces a segment, or makes it. */
export function putSegment(environment: string, key: string, input: SegmentReplacement): Edit {
  return (state) =>
    andThen(environmentOf(state, environment), (there) => {
      const taken = keyLike(there.segments.keys(), key);
      if (taken !== undefined && taken !== key) return rejected(keyExists('segment', taken));
      const previous = there.segments.get(key)?.segment;
      return mapResult(newSegment({ ...input, key }, previous), (segment) => placed(state, there, segment));
    });
}

/** Replaces, whole, the fields of a segment that the patch names. */
export function patchSegment(environment: string, key: string, patch: SegmentPatch): Edit {
  const { reason: _, ...fields } = patch;
  return (state) =>
    andThen(environmentOf(state, environment), (there) =>
      andThen(segmentOf(there, key), ({ segment }) => {
        const patched: Segment = { ...segment, ...namedFields(fields) };
        return unlessFaulty(faultsOfSegment(patched), () => placed(state, there, patched));
      }),
    );
}

/** Removes a segment that nothing asks about any more. */
export function deleteSegment(environment: string, key: string): Edit {
  return (state) =>
    andThen(environmentOf(state, environment), (there) =>
      andThen(segmentOf(there, key), () => {
        const users = usersOf(state, there, key);
        if (users.length > 0) {
          return rejected(inUse(`The segment "${key}"`, users, 'Remove it from their conditions first.'));
        }
        return accepted(withEnvironment(state, withSegment(there, key, null)));
      }),
    );
}

/** The segment in its environment, or SEGMENT_NOT_FOUND. */
export function segmentOf(environment: EnvironmentState, key: string): Result<EnvironmentSegment> {
  const found = environment.segments.get(key);
  return found === undefined ? rejected(segmentNotFound(key, environment.environment.key)) : accepted(found);
}

function placed(state: ProjectState, environment: EnvironmentState, segment: Segment): ProjectState {
  const version = environment.segments.get(segment.key)?.version ?? 0;
  return withEnvironment(state, withSegment(environment, segment.key, { segment, version }));
}

function usersOf(state: ProjectState, environment: EnvironmentState, key: string): string[] {
  const users: string[] = [];
  for (const { flag, place } of servedFlags(state, environment)) {
    for (const rule of place.configuration.rules) {
      if (asksAbout(rule.when, key)) users.push(`rule "${rule.id}" of flag "${flag.key}"`);
    }
  }
  for (const [other, { segment }] of environment.segments) {
    if (other !== key && asksAbout(segment.when, key)) users.push(`segment "${other}"`);
  }
  return users;
}

function asksAbout(condition: Condition | null, key: string): boolean {
  for (const segment of segmentsOf(condition)) if (segment === key) return true;
  return false;
}
