import { isDeepStrictEqual } from 'node:util';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { LayeredMap } from '../environments/layered-map.ts';
import { emptyState } from '../environments/project-state.ts';
import { servedFlag } from '../flags/find-flag.ts';
import type { EnvironmentFlag } from '../flags/flag.ts';
import { definitionOf } from '../flags/flag-definition.ts';
import type { EnvironmentSegment, Segment } from '../segments/segment.ts';
import { segmentDefinitionOf } from '../segments/segment-definition.ts';
import type { ChangedObject, EnvironmentCommit, FlagDocument } from '../storage/storage.ts';

/**
 * What an edit did to each environment: one commit per environment in which a definition, a configuration, a
 * kill or a segment is another than before. Objects of the same identity are not looked at, so the cost is that
 * of what was touched.
 *
 * @returns In the order of environment keys.
 */
export function compareStates(before: ProjectState, after: ProjectState): EnvironmentCommit[] {
  return [...after.environments.values()]
    .sort((left, right) => (left.environment.key < right.environment.key ? -1 : 1))
    .map((environment) => commitOf(before, after, environment))
    .filter(({ objects, flags }) => objects.length + flags.size > 0);
}

/** A flag as an environment serves it; `null` where it is archived or has no configuration. */
export function documentOf(
  state: ProjectState,
  environment: EnvironmentState,
  key: string,
): FlagDocument | null {
  const served = servedFlag(state, environment, key);
  if (served === undefined) return null;
  const { flag, place } = served;
  return { flag, configuration: place.configuration, kill: place.kill };
}

function commitOf(
  before: ProjectState,
  after: ProjectState,
  environment: EnvironmentState,
): EnvironmentCommit {
  const { key } = environment.environment;
  const previous = before.environments.get(key) ?? emptyState(environment.environment);
  const revision = previous.revision + 1;
  const touched = touchedFlags(before, previous, after, environment);
  const flags = touched
    .map((flag) =>
      changedFlag(flag, documentOf(before, previous, flag), documentOf(after, environment, flag), revision),
    )
    .filter((object) => object !== undefined);
  const segments = touchedKeys(previous.segments, environment.segments)
    .map((segment) => changedSegment(segment, previous, environment, revision))
    .filter((object) => object !== undefined);
  return {
    environment: key,
    revision,
    kill: flags.some(isKilling),
    objects: [...segments, ...flags],
    flags: rowsOf(
      [...keysOf(flags), ...movedFlags(touched, previous, environment)],
      environment.flags,
      revision,
    ),
    segments: rowsOf(keysOf(segments), environment.segments, revision),
  };
}

function touchedFlags(
  before: ProjectState,
  previous: EnvironmentState,
  after: ProjectState,
  environment: EnvironmentState,
): string[] {
  const touched = new Set(touchedKeys(previous.flags, environment.flags));
  for (const key of touchedKeys(before.flags, after.flags)) touched.add(key);
  return [...touched];
}

/** Keys whose entries are not the same object in both maps. */
function touchedKeys<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): string[] {
  if (before === after) return [];
  const edited = after instanceof LayeredMap ? after.keysEditedSince(before) : undefined;
  if (edited !== undefined) return edited;
  const touched: string[] = [];
  for (const [key, entry] of after) if (before.get(key) !== entry) touched.push(key);
  for (const key of before.keys()) if (!after.has(key)) touched.push(key);
  return touched;
}

/**
 * Flags whose place is another: also those that are not served, as one that was taken over from the archive and
 * archived again in one change set. Nobody is told of these, and they are kept all the same.
 */
function movedFlags(
  touched: readonly string[],
  previous: EnvironmentState,
  environment: EnvironmentState,
): string[] {
  return touched.filter((key) => !isSamePlace(previous.flags.get(key), environment.flags.get(key)));
}

/** The version is not compared: it follows from what is found to differ. */
function isSamePlace(before: EnvironmentFlag | undefined, after: EnvironmentFlag | undefined): boolean {
  if (before === undefined || after === undefined) return before === after;
  return (
    isDeepStrictEqual(before.configuration, after.configuration) && isDeepStrictEqual(before.kill, after.kill)
  );
}

type ChangedFlag = Extract<ChangedObject, { kind: 'flag' }>;
type ChangedSegment = Extract<ChangedObject, { kind: 'segment' }>;

function changedFlag(
  key: string,
  before: FlagDocument | null,
  after: FlagDocument | null,
  revision: number,
): ChangedFlag | undefined {
  if (isSameFlag(before, after)) return undefined;
  return { kind: 'flag', key, before, after, definition: after === null ? null : asServed(after, revision) };
}

function changedSegment(
  key: string,
  previous: EnvironmentState,
  environment: EnvironmentState,
  revision: number,
): ChangedSegment | undefined {
  const before: Segment | null = previous.segments.get(key)?.segment ?? null;
  const after: Segment | null = environment.segments.get(key)?.segment ?? null;
  if (isDeepStrictEqual(before, after)) return undefined;
  const definition = after === null ? null : segmentDefinitionOf(after, revision);
  return { kind: 'segment', key, before, after, definition };
}

/** Configurations are compared too: weights can change while the ranges that SDKs receive do not. */
function isSameFlag(before: FlagDocument | null, after: FlagDocument | null): boolean {
  if (before === null || after === null) return before === after;
  return (
    isDeepStrictEqual(before.kill, after.kill) &&
    isDeepStrictEqual(before.configuration, after.configuration) &&
    isDeepStrictEqual(asServed(before, 0), asServed(after, 0))
  );
}

function asServed({ flag, configuration, kill }: FlagDocument, version: number) {
  return definitionOf(flag, { configuration, kill, version }, version);
}

/** A kill that replaces another counts too: whoever sends it waits for its receipt, and kills are reported at once. */
function isKilling({ before, after }: ChangedFlag): boolean {
  const kill = after?.kill ?? null;
  return kill !== null && !isDeepStrictEqual(before?.kill ?? null, kill);
}

function rowsOf<T extends EnvironmentFlag | EnvironmentSegment>(
  keys: readonly string[],
  places: ReadonlyMap<string, T>,
  version: number,
): ReadonlyMap<string, T | null> {
  return new Map(
    keys.map((key) => {
      const place = places.get(key);
      return [key, place === undefined ? null : { ...place, version }];
    }),
  );
}

function keysOf(objects: readonly { readonly key: string }[]): string[] {
  return objects.map(({ key }) => key);
}
