import { isDeepStrictEqual } from 'node:util';
import type { Condition, WireObject } from '@dimmer/schema';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { segmentsOf } from '../flags/configuration-uses.ts';
import { servedFlag, servedFlags } from '../flags/find-flag.ts';
import type { Configuration } from '../flags/flag.ts';
import { definitionOf } from '../flags/flag-definition.ts';
import { segmentDefinitionOf } from '../segments/segment-definition.ts';
import type { ChangedObject } from '../storage/storage.ts';

/**
 * The part of an environment that a change can break: what changed, whatever depends on it, and everything that
 * these need. Compiling it finds every defect that compiling the whole environment would, at the cost of what is
 * near the change.
 */
export function neighbourhoodOf(
  state: ProjectState,
  environment: EnvironmentState,
  objects: readonly ChangedObject[],
): WireObject[] {
  const flags = reachable(
    [...keysOf(objects, 'flag'), ...dependentFlags(state, environment, objects)],
    (key) => prerequisitesOf(servedFlag(state, environment, key)?.place.configuration),
  );
  const definitions: WireObject[] = [];
  const segments = new Set([...keysOf(objects, 'segment'), ...dependentSegments(environment, objects)]);
  for (const key of flags) {
    const served = servedFlag(state, environment, key);
    if (served === undefined) continue;
    const { flag, place } = served;
    definitions.push(definitionOf(flag, place, place.version));
    for (const segment of segmentsOfRules(place.configuration)) segments.add(segment);
  }
  for (const key of reachable(segments, (segment) => segmentsOf(whenOf(environment, segment)))) {
    const place = environment.segments.get(key);
    if (place !== undefined) definitions.push(segmentDefinitionOf(place.segment, place.version));
  }
  return definitions;
}

/** Everything that can be reached from some keys, themselves included. */
function reachable(starts: Iterable<string>, next: (key: string) => Iterable<string>): Set<string> {
  const seen = new Set(starts);
  // The set grows while it is walked, so that what is found is walked too.
  for (const key of seen) for (const found of next(key)) seen.add(found);
  return seen;
}

/** Flags that wait, directly or not, for one whose change they can notice, or that ask for a lost segment. */
function dependentFlags(
  state: ProjectState,
  environment: EnvironmentState,
  objects: readonly ChangedObject[],
): Iterable<string> {
  const noticed = objects.filter(isNoticed).map(({ key }) => key);
  const lost = new Set(objects.filter(isLostSegment).map(({ key }) => key));
  if (noticed.length === 0 && lost.size === 0) return [];
  const dependents = new Map<string, string[]>();
  const starts = noticed;
  for (const { flag, place } of servedFlags(state, environment)) {
    for (const key of prerequisitesOf(place.configuration)) addTo(dependents, key, flag.key);
    if (lost.size > 0 && intersects(segmentsOfRules(place.configuration), lost)) starts.push(flag.key);
  }
  return reachable(starts, (key) => dependents.get(key) ?? []);
}

/** Segments that ask, directly or not, about one that changed. */
function dependentSegments(
  environment: EnvironmentState,
  objects: readonly ChangedObject[],
): Iterable<string> {
  const changed = keysOf(objects, 'segment');
  if (changed.length === 0) return [];
  const dependents = new Map<string, string[]>();
  for (const [key, { segment }] of environment.segments) {
    for (const asked of segmentsOf(segment.when)) addTo(dependents, asked, key);
  }
  return reachable(changed, (key) => dependents.get(key) ?? []);
}

/** Whoever waits for a flag sees whether it is there, its variations, and how long its own chain is. */
function isNoticed(object: ChangedObject): boolean {
  if (object.kind !== 'flag') return false;
  const { before, after } = object;
  if (before === null || after === null) return true;
  return (
    !isDeepStrictEqual(before.configuration.prerequisites, after.configuration.prerequisites) ||
    Object.keys(before.flag.variations).some((name) => !Object.hasOwn(after.flag.variations, name))
  );
}

function isLostSegment({ kind, after }: ChangedObject): boolean {
  return kind === 'segment' && after === null;
}

function keysOf(objects: readonly ChangedObject[], kind: ChangedObject['kind']): string[] {
  return objects.filter((object) => object.kind === kind).map(({ key }) => key);
}

function prerequisitesOf(configuration: Configuration | undefined): readonly string[] {
  return configuration?.prerequisites.map(({ flag }) => flag) ?? [];
}

function* segmentsOfRules({ rules }: Configuration): Generator<string, void, undefined> {
  for (const { when } of rules) yield* segmentsOf(when);
}

function whenOf(environment: EnvironmentState, segment: string): Condition | null {
  return environment.segments.get(segment)?.segment.when ?? null;
}

function addTo(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function intersects(values: Iterable<string>, set: ReadonlySet<string>): boolean {
  for (const value of values) if (set.has(value)) return true;
  return false;
}
