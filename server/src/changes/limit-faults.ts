import { LIMITS } from '@dimmer/schema';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { type ConfiguredFlag, servedFlag, servedFlags } from '../flags/find-flag.ts';
import type { EnvironmentSegment } from '../segments/segment.ts';
import type { EnvironmentCommit } from '../storage/storage.ts';
import type { ObjectFault } from './compile-faults.ts';
import type { DefinitionSizes } from './definition-sizes.ts';
import { type Fault, limitFault } from './fault.ts';

/** Changed objects that are larger than a definition may be. */
export function faultsOfSizes(
  state: ProjectState,
  environment: EnvironmentState,
  { objects }: EnvironmentCommit,
  sizes: DefinitionSizes,
): ObjectFault[] {
  return objects.flatMap(({ kind, key }): ObjectFault[] => {
    const fault =
      kind === 'flag'
        ? oversizeFlag(servedFlag(state, environment, key), sizes)
        : oversizeSegment(environment.segments.get(key), sizes);
    return fault === undefined ? [] : [{ object: { kind, key }, fault }];
  });
}

/** What an environment as a whole holds too much of; one that was beyond a limit before may shrink. */
export function faultsOfWhole(
  before: ProjectState,
  after: ProjectState,
  key: string,
  sizes: DefinitionSizes,
): Fault[] {
  const now = measure(after, key, sizes);
  const exceeded = WHOLE_LIMITS.filter((limit) => now[limit] > LIMITS[limit]);
  if (exceeded.length === 0) return [];
  const then = measure(before, key, sizes);
  return exceeded
    .filter((limit) => now[limit] > then[limit])
    .map((limit) => limitFault('$', limit, now[limit], `${wholeWords[limit]} of environment "${key}"`));
}

const WHOLE_LIMITS = ['flagsPerEnvironment', 'segmentsPerEnvironment', 'snapshotBytes'] as const;
type WholeLimit = (typeof WHOLE_LIMITS)[number];

const wholeWords: { readonly [limit in WholeLimit]: string } = {
  flagsPerEnvironment: 'the number of flags',
  segmentsPerEnvironment: 'the number of segments',
  snapshotBytes: 'the size of all definitions',
};

function measure(
  state: ProjectState,
  key: string,
  sizes: DefinitionSizes,
): { readonly [limit in WholeLimit]: number } {
  const environment = state.environments.get(key);
  if (environment === undefined) {
    return { flagsPerEnvironment: 0, segmentsPerEnvironment: 0, snapshotBytes: 0 };
  }
  let flagsPerEnvironment = 0;
  let snapshotBytes = 0;
  for (const { flag, place } of servedFlags(state, environment)) {
    flagsPerEnvironment += 1;
    snapshotBytes += sizes.flag(flag, place);
  }
  for (const place of environment.segments.values()) snapshotBytes += sizes.segment(place);
  return { flagsPerEnvironment, segmentsPerEnvironment: environment.segments.size, snapshotBytes };
}

function oversizeFlag(served: ConfiguredFlag | undefined, sizes: DefinitionSizes): Fault | undefined {
  return served && oversize('flagBytes', sizes.flag(served.flag, served.place));
}

function oversizeSegment(place: EnvironmentSegment | undefined, sizes: DefinitionSizes): Fault | undefined {
  return place && oversize('segmentBytes', sizes.segment(place));
}

function oversize(limit: 'flagBytes' | 'segmentBytes', bytes: number): Fault | undefined {
  return bytes > LIMITS[limit] ? limitFault('$', limit, bytes, 'the size of the definition') : undefined;
}
