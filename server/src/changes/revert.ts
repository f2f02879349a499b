import { isDeepStrictEqual } from 'node:util';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { environmentOf, withEnvironment } from '../environments/project-state.ts';
import { usesOfVariations } from '../flags/configuration-uses.ts';
import type { EnvironmentFlag, Flag, Kill } from '../flags/flag.ts';
import { hasExpired } from '../flags/kill-edits.ts';
import type { EnvironmentSegment } from '../segments/segment.ts';
import type { FlagDocument, ObjectAt } from '../storage/storage.ts';
import type { Warning } from './commit.ts';
import type { Edit } from './edit.ts';
import { type Fault, unlessFaulty } from './fault.ts';
import { flagNotFound } from './rejections.ts';
import { accepted, andThen, type Result, rejected } from './result.ts';

export interface RevertOptions {
  /** The revision to go back to. */
  readonly to: number;
  /** Only these flags, and no segments. */
  readonly flags?: readonly string[] | undefined;
  /** Whether kills go back too; else they stay as they are now. A flag that has left since has none to stay. */
  readonly includeKills: boolean;
}

/**
 * Brings an environment back to what it was, with seeds and ranges, so that everybody gets the variation that
 * they had. What belongs to the flag itself, its variations' values above all, stays as it is now.
 *
 * @param differences - What was different then, from `storage.differencesAt`; guard it with {@link stillAt}.
 * @example revertEdit('production', differences, { to: 41, includeKills: false })
 */
export function revertEdit(
  environment: string,
  differences: readonly ObjectAt[],
  options: RevertOptions,
): Edit {
  return (state, { now }) =>
    andThen(environmentOf(state, environment), (there) =>
      andThen(unlessUnknown(state, options.flags ?? []), () => {
        const steps = flagSteps(state, there, differences, options);
        const faults = steps.flatMap(({ fault }) => (fault === undefined ? [] : [fault]));
        return unlessFaulty(faults, () =>
          withEnvironment(state, {
            ...there,
            flags: revertedFlags(there, steps, options, Date.parse(now)),
            segments: options.flags === undefined ? revertedSegments(there, differences) : there.segments,
          }),
        );
      }),
    );
}

/** What a revert leaves as it is, or brings back in other surroundings. */
export function revertWarnings(
  environment: string,
  differences: readonly ObjectAt[],
  options: RevertOptions,
): (before: ProjectState, after: ProjectState) => Warning[] {
  return (before, after) => {
    const there = before.environments.get(environment);
    if (there === undefined) return [];
    const places = after.environments.get(environment)?.flags;
    return flagSteps(before, there, differences, options).flatMap(({ key, warning }) => [
      ...(warning === undefined ? [] : [warning]),
      ...(there.flags.has(key) ? [] : returnedKill(key, places?.get(key)?.kill ?? null)),
    ]);
  };
}

/**
 * Refuses when an environment has moved on since its history was read: differences of an older moment would
 * not bring back everything.
 */
export function stillAt(environment: string, revision: number): (state: ProjectState) => Result<unknown> {
  return (state) =>
    andThen(environmentOf(state, environment), (there) =>
      there.revision === revision
        ? accepted(there)
        : rejected({
            code: 'UNAVAILABLE',
            detail: `Environment "${environment}" moved from revision ${revision} to ${there.revision} meanwhile.`,
            remedy: 'Send the request again.',
          }),
    );
}

type FlagAt = Extract<ObjectAt, { kind: 'flag' }>;

/** What a revert does to one flag: brings its document back, removes it (`null`), or leaves it (`undefined`). */
interface FlagStep {
  readonly key: string;
  readonly document?: FlagDocument | null;
  readonly warning?: Warning;
  readonly fault?: Fault;
}

function flagSteps(
  state: ProjectState,
  there: EnvironmentState,
  differences: readonly ObjectAt[],
  { flags, to }: RevertOptions,
): FlagStep[] {
  const wanted = flags === undefined ? undefined : new Set(flags);
  return differences
    .filter((object): object is FlagAt => object.kind === 'flag' && wanted?.has(object.key) !== false)
    .flatMap((object) => {
      const flag = state.flags.get(object.key);
      return flag === undefined ? [] : [stepOf(flag, there.flags.get(object.key), object, to)];
    });
}

function stepOf(
  flag: Flag,
  place: EnvironmentFlag | undefined,
  { key, document }: FlagAt,
  to: number,
): FlagStep {
  if (flag.archivedAt !== null) {
    if (document === null) return { key };
    return { key, warning: leftOut(key, 'FLAG_ARCHIVED', 'was archived since and stays archived') };
  }
  if (document === null) {
    if ((place?.kill ?? null) === null) return { key, document };
    return {
      key,
      document,
      warning: leftOut(key, 'KILL_DROPPED', `was not there at revision ${to}: it goes, and its kill`),
    };
  }
  if (document.flag.createdAt !== flag.createdAt) {
    return {
      key,
      warning: leftOut(key, 'KEY_REUSED', 'was another flag of the same key then, and stays as it is'),
    };
  }
  const fault = lostVariation(flag, document, to);
  if (fault !== undefined) return { key, fault };
  const warning = changedValues(flag, document);
  return { key, document, ...(warning !== undefined && { warning }) };
}

/** A flag that comes back killed: it may have been restored between that revision and the day it left. */
function returnedKill(flag: string, kill: Kill | null): Warning[] {
  if (kill === null) return [];
  const message = `Flag "${flag}" has left since and comes back as it was then, killed: restore it if it may run.`;
  return [{ flag, rule: 'KILL_RETURNED', message }];
}

function leftOut(flag: string, rule: string, what: string): Warning {
  return { flag, rule, message: `Flag "${flag}" ${what}.` };
}

function lostVariation(flag: Flag, { configuration }: FlagDocument, to: number): Fault | undefined {
  for (const [variation, use] of usesOfVariations(configuration)) {
    if (Object.hasOwn(flag.variations, variation)) continue;
    return {
      path: '$.to',
      rule: 'unknown-variation',
      message: `leads to a configuration of flag "${flag.key}" that serves "${variation}" (${use} at revision ${to}), which the flag no longer has`,
      remedy: `Add the variation "${variation}" to flag "${flag.key}" first, or name the other flags in \`flags\`.`,
    };
  }
  return undefined;
}

function changedValues(flag: Flag, document: FlagDocument): Warning | undefined {
  const changed = [...usesOfVariations(document.configuration).keys()].filter(
    (name) => !isDeepStrictEqual(flag.variations[name]?.value, document.flag.variations[name]?.value),
  );
  if (changed.length === 0) return undefined;
  const message = `Flag "${flag.key}" serves other values than then for ${changed.join(', ')}: a revert does not touch variations.`;
  return { flag: flag.key, rule: 'VARIATIONS_CHANGED', message };
}

function revertedFlags(
  there: EnvironmentState,
  steps: readonly FlagStep[],
  { includeKills }: RevertOptions,
  nowMs: number,
): ReadonlyMap<string, EnvironmentFlag> {
  const flags = new Map(there.flags);
  for (const { key, document } of steps) {
    if (document === undefined) continue;
    if (document === null) {
      flags.delete(key);
      continue;
    }
    const place = flags.get(key);
    // What was killed must not start to run because it left meanwhile and is brought back.
    const kill = includeKills || place === undefined ? unexpired(document.kill, nowMs) : place.kill;
    flags.set(key, { configuration: document.configuration, kill, version: place?.version ?? 0 });
  }
  return flags;
}

function unexpired(kill: Kill | null, nowMs: number): Kill | null {
  return hasExpired(kill, nowMs) ? null : kill;
}

function revertedSegments(
  there: EnvironmentState,
  differences: readonly ObjectAt[],
): ReadonlyMap<string, EnvironmentSegment> {
  const segments = new Map(there.segments);
  for (const object of differences) {
    if (object.kind !== 'segment') continue;
    if (object.document === null) segments.delete(object.key);
    else
      segments.set(object.key, { segment: object.document, version: segments.get(object.key)?.version ?? 0 });
  }
  return segments;
}

function unlessUnknown(state: ProjectState, keys: readonly string[]): Result<ProjectState> {
  const unknown = keys.find((key) => !state.flags.has(key));
  return unknown === undefined ? accepted(state) : rejected(flagNotFound(unknown));
}
