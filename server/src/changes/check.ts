import { isDeepStrictEqual } from 'node:util';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import type { ChangedObject, EnvironmentCommit } from '../storage/storage.ts';
import { faultsOfCompiling, type ObjectFault } from './compile-faults.ts';
import type { DefinitionSizes } from './definition-sizes.ts';
import { type Fault, faultsUnder, unlessFaulty } from './fault.ts';
import { faultsOfSizes, faultsOfWhole } from './limit-faults.ts';
import type { Locate } from './locate.ts';
import { neighbourhoodOf } from './neighbourhood.ts';
import type { Result } from './result.ts';

/** What a check needs beside the state. */
export interface CheckOptions {
  readonly locate: Locate;
  readonly sizes: DefinitionSizes;
}

/**
 * Whether every environment that an edit changed can still be evaluated and is within its limits. The change is
 * compiled with the evaluator that SDKs run, together with whatever depends on it.
 *
 * Kills and restores are let through as they are: an emergency does not wait for what else is wrong.
 *
 * @param commits - What {@link compareStates} found.
 */
export function check(
  before: ProjectState,
  after: ProjectState,
  commits: readonly EnvironmentCommit[],
  options: CheckOptions,
): Result<ProjectState> {
  const faults = commits.flatMap((commit) => {
    const environment = after.environments.get(commit.environment);
    const objects = commit.objects.filter((object) => !isKillOnly(object));
    if (environment === undefined || objects.length === 0) return [];
    return [
      ...faultsOfCommit(after, environment, { ...commit, objects }, options),
      ...faultsOfWhole(before, after, commit.environment, options.sizes),
    ];
  });
  return unlessFaulty(distinct(faults), () => after);
}

function faultsOfCommit(
  after: ProjectState,
  environment: EnvironmentState,
  commit: EnvironmentCommit,
  { locate, sizes }: CheckOptions,
): Fault[] {
  const names = new Set(commit.objects.map(({ kind, key }) => `${kind}/${key}`));
  const found = [
    ...faultsOfCompiling(neighbourhoodOf(after, environment, commit.objects)),
    ...faultsOfSizes(after, environment, commit, sizes),
  ];
  const isOwn = ({ object }: ObjectFault): boolean => names.has(`${object.kind}/${object.key}`);
  const own = found.filter(isOwn);
  // Where a changed object is at fault itself, those that depend on it only repeat it.
  return (own.length > 0 ? own : found).flatMap((fault) => {
    const place = isOwn(fault) ? locate(fault.object) : undefined;
    return place === undefined
      ? [faultElsewhere(fault, commit.environment)]
      : faultsUnder(place, [fault.fault]);
  });
}

/** A fault of an object that the body does not hold: one that depends on a changed one, or comes back with a revert. */
function faultElsewhere({ object, fault }: ObjectFault, environment: string): Fault {
  const place = fault.path === '$' ? '' : ` at ${fault.path}`;
  return {
    ...fault,
    path: '$',
    message: `would break ${object.kind} "${object.key}" in environment "${environment}"${place}: ${fault.message}`,
  };
}

function isKillOnly(object: ChangedObject): boolean {
  if (object.kind !== 'flag') return false;
  const { before, after } = object;
  if (before === null || after === null || before.flag !== after.flag) return false;
  return isDeepStrictEqual(before.configuration, after.configuration);
}

/** An edit of a flag changes every environment alike; one mention is enough. */
function distinct(faults: readonly Fault[]): Fault[] {
  return [...new Map(faults.map((fault) => [`${fault.path} ${fault.message}`, fault])).values()];
}
