import type { Condition, FlagDefinition, SegmentDefinition } from '@dimmer/schema';
import type { ApiKey } from '../../server/src/access/api-key.ts';
import type {
  Environment,
  EnvironmentState,
  Project,
  ProjectState,
} from '../../server/src/environments/environment.ts';
import type { Configuration, EnvironmentFlag, Flag, Kill } from '../../server/src/flags/flag.ts';
import type { EnvironmentSegment, Segment } from '../../server/src/segments/segment.ts';
import type {
  ChangedObject,
  Draft,
  EnvironmentCommit,
  FlagDocument,
} from '../../server/src/storage/storage.ts';

/** One step of a commit. What is not said stays as it is; a new flag starts disabled. */
export type Step =
  | { readonly type: 'flag'; readonly key: string; readonly enabled?: boolean; readonly kill?: Kill | null }
  /** Leaves every environment and keeps its configuration. */
  | { readonly type: 'archive'; readonly key: string }
  /** Takes the configuration away too. */
  | { readonly type: 'remove'; readonly key: string }
  | {
      readonly type: 'segment';
      readonly key: string;
      readonly included?: readonly string[];
      readonly when?: Condition;
    }
  | { readonly type: 'remove-segment'; readonly key: string };

export function aProject(key: string, name = key): Project {
  return { key, name, description: '', createdAt: '2026-01-01T00:00:00.000Z', version: 1 };
}

export function anEnvironment(key: string, name = key): Environment {
  return { key, name, epoch: `epoch${key}`, createdAt: '2026-01-01T00:00:00.000Z', secureMode: false };
}

function aFlag(key: string, edits: Partial<Flag> = {}): Flag {
  return {
    key,
    type: 'boolean',
    kind: 'release',
    variations: { on: { value: true }, off: { value: false, name: 'Off' } },
    name: key,
    description: 'Größe \u2028 "quoted"',
    owner: null,
    tags: [],
    exposeToClients: false,
    valueSchema: null,
    metadata: { team: 'checkout', weight: 0.1 },
    expectedLifetimeDays: null,
    archivedAt: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    version: 1,
    ...edits,
  };
}

export function aKey(id: string, edits: Partial<ApiKey> = {}): ApiKey {
  return {
    id,
    kind: 'admin',
    name: `key ${id}`,
    hint: 'dim_adm_ab',
    hash: `hash-of-${id}`,
    role: 'admin',
    project: null,
    environment: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    expiresAt: null,
    ...edits,
  };
}

/** A draft with nothing in it but what is given. */
export function aDraft(parts: Partial<Draft> = {}): Draft {
  return { action: 'test', reason: null, subject: 'test', details: {}, ...parts };
}

export function projectDraft(key: string, environments: readonly string[]): Draft {
  return aDraft({
    action: 'project.create',
    subject: `project/${key}`,
    project: aProject(key),
    environments: environments.map((environment) => anEnvironment(environment)),
  });
}

/** A draft that takes one environment, or several, one revision further by the same steps. */
export function commitDraft(
  state: ProjectState,
  environments: readonly string[],
  steps: readonly Step[],
  parts: Partial<Draft> = {},
): Draft {
  const flags = editedFlags(state, steps);
  const after = new Map([...state.flags, ...flags.map((flag) => [flag.key, flag] as const)]);
  return aDraft({
    action: 'configuration.patch',
    flags,
    commits: environments.map((key) => commitOf(state, environmentOf(state, key), after, steps)),
    ...parts,
  });
}

function editedFlags(state: ProjectState, steps: readonly Step[]): readonly Flag[] {
  const edited = new Map<string, Flag>();
  for (const step of steps) {
    if (step.type === 'segment' || step.type === 'remove-segment') continue;
    const before = edited.get(step.key) ?? state.flags.get(step.key);
    const archivedAt = step.type === 'flag' ? null : '2026-02-01T00:00:00.000Z';
    if (before === undefined) edited.set(step.key, aFlag(step.key, { archivedAt }));
    else edited.set(step.key, { ...before, archivedAt, version: before.version + 1 });
  }
  return [...edited.values()];
}

/** Steps of one commit name each object once; a later one for the same object is left out. */
function commitOf(
  state: ProjectState,
  environment: EnvironmentState,
  flags: ReadonlyMap<string, Flag>,
  steps: readonly Step[],
): EnvironmentCommit {
  const revision = environment.revision + 1;
  const objects = new Map<string, ChangedObject>();
  const places = new Map<string, EnvironmentFlag | null>();
  const segments = new Map<string, EnvironmentSegment | null>();
  for (const step of steps) {
    const isSegment = step.type === 'segment' || step.type === 'remove-segment';
    const name = `${isSegment ? 'segment' : 'flag'}/${step.key}`;
    if (objects.has(name)) continue;
    if (step.type === 'segment' || step.type === 'remove-segment') {
      const segment = segmentAfter(environment, step);
      segments.set(step.key, segment === null ? null : { segment, version: revision });
      objects.set(name, changedSegment(environment, step.key, segment, revision));
    } else {
      const place = placeAfter(environment, step, revision);
      places.set(step.key, place);
      objects.set(name, changedFlag(state, environment, flags.get(step.key), step.key, place, revision));
    }
  }
  const kill = steps.some((step) => step.type === 'flag' && step.kill != null);
  return {
    environment: environment.environment.key,
    revision,
    kill,
    objects: [...objects.values()],
    flags: places,
    segments,
  };
}

function placeAfter(
  environment: EnvironmentState,
  step: Exclude<Step, { type: 'segment' | 'remove-segment' }>,
  version: number,
): EnvironmentFlag | null {
  if (step.type === 'remove') return null;
  const before = environment.flags.get(step.key) ?? { configuration: aConfiguration(), kill: null };
  if (step.type === 'archive') return { ...before, version };
  const { enabled = before.configuration.enabled, kill = before.kill } = step;
  return { configuration: { ...before.configuration, enabled }, kill, version };
}

function changedFlag(
  state: ProjectState,
  environment: EnvironmentState,
  flag: Flag | undefined,
  key: string,
  place: EnvironmentFlag | null,
  revision: number,
): ChangedObject {
  const before = documentOf(state.flags.get(key), environment.flags.get(key));
  const after = documentOf(flag, place ?? undefined);
  const served = after === null || after.flag.archivedAt !== null ? null : after;
  return { kind: 'flag', key, before, after, definition: served && flagDefinition(served, revision) };
}

function documentOf(flag: Flag | undefined, place: EnvironmentFlag | undefined): FlagDocument | null {
  return flag && place ? { flag, configuration: place.configuration, kill: place.kill } : null;
}

function flagDefinition({ flag, configuration, kill }: FlagDocument, version: number): FlagDefinition {
  return {
    kind: 'flag',
    key: flag.key,
    version,
    type: flag.type,
    variations: { on: { value: true }, off: { value: false } },
    enabled: configuration.enabled,
    ...(kill !== null && { killed: true }),
    offVariation: configuration.offVariation,
    prerequisites: configuration.prerequisites,
    targets: configuration.targets,
    rules: [],
    fallthrough: { variation: 'on' },
    metadata: flag.metadata,
  };
}

function segmentAfter(
  environment: EnvironmentState,
  step: Extract<Step, { type: 'segment' | 'remove-segment' }>,
): Segment | null {
  if (step.type === 'remove-segment') return null;
  const before = environment.segments.get(step.key)?.segment ?? aSegment(step.key);
  return { ...before, included: step.included ?? before.included, when: step.when ?? before.when };
}

function changedSegment(
  environment: EnvironmentState,
  key: string,
  after: Segment | null,
  revision: number,
): ChangedObject {
  const before = environment.segments.get(key)?.segment ?? null;
  return { kind: 'segment', key, before, after, definition: after && segmentDefinition(after, revision) };
}

function segmentDefinition(
  { key, by, included, excluded, when }: Segment,
  version: number,
): SegmentDefinition {
  return { kind: 'segment', key, version, by, included, excluded, when };
}

function aSegment(key: string): Segment {
  return {
    key,
    name: key,
    description: '',
    tags: [],
    by: 'targetingKey',
    included: [],
    excluded: [],
    when: null,
  };
}

function aConfiguration(): Configuration {
  return {
    enabled: false,
    offVariation: 'off',
    prerequisites: [],
    targets: [{ variation: 'on', by: 'targetingKey', values: ['user-1'] }],
    rules: [
      {
        id: 'nordics',
        when: { all: [{ attribute: 'country', op: 'in', values: ['NO'] }, { not: { segment: 'beta' } }] },
        serve: {
          rollout: {
            by: 'targetingKey',
            weights: { on: 10, off: 90 },
            algorithm: 'murmur3-100k',
            seed: 4_294_967_295,
            ranges: [
              [0, 10_000, 'on'],
              [10_000, 100_000, 'off'],
            ],
          },
        },
      },
    ],
    fallthrough: { variation: 'on' },
  };
}

function environmentOf(state: ProjectState, key: string): EnvironmentState {
  const environment = state.environments.get(key);
  if (environment === undefined) throw new Error(`the test commits to ${key}, which does not exist`);
  return environment;
}
