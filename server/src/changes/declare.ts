import type { DeclaredState, FlagPatch } from '@dimmer/schema/rest';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import {
  environmentOf,
  mapEnvironments,
  withEnvironment,
  withPlaces,
} from '../environments/project-state.ts';
import { configurationOf } from '../flags/configuration-edits.ts';
import type { EnvironmentFlag, Flag } from '../flags/flag.ts';
import { patchedFlag, placedAgain } from '../flags/flag-edits.ts';
import { initialPlace } from '../flags/initial-place.ts';
import { declaredKill } from '../flags/kill-edits.ts';
import { newFlag } from '../flags/new-flag.ts';
import { newSegment } from '../segments/new-segment.ts';
import type { EnvironmentSegment } from '../segments/segment.ts';
import type { Warning } from './commit.ts';
import type { Edit, EditContext } from './edit.ts';
import { type Fault, rejectionUnder, unlessFaulty } from './fault.ts';
import { type Locate, locateBy } from './locate.ts';
import { flagArchived, keyExists } from './rejections.ts';
import { accepted, andThen, mapResult, type Result, rejected } from './result.ts';

type DeclaredFlag = DeclaredState['flags'][number];

/**
 * Makes an environment exactly as declared: its flags are made or updated, its configurations set, its segments
 * replaced. What is left out leaves this environment and no other. Kills stay unless `kills` says otherwise, and
 * rollouts are planned from where they are, so declaring the same state twice changes nothing.
 *
 * @example declaredEdit('production', DeclaredState.parse({ flags: [{ key: 'a', configuration }] }))
 */
export function declaredEdit(environment: string, declared: DeclaredState): Edit {
  return (state, context) =>
    andThen(environmentOf(state, environment), (there) =>
      andThen(
        unlessFaulty(faultsOfKeys(declared), () => declared),
        () =>
          andThen(declaredFlags(state, there, declared.flags, context), (flags) =>
            andThen(declaredPlaces(flags, declared, there, context), (places) =>
              mapResult(declaredSegments(there, declared.segments), (segments) =>
                withEnvironment(withPlacesElsewhere(state, flags, declared.newFlagsElsewhere), {
                  ...there,
                  flags: withArchived(places, there, flags, declared.flags),
                  segments,
                }),
              ),
            ),
          ),
      ),
    );
}

/** Where a declared state gives each object. */
export function locateInDeclared({ flags, segments }: DeclaredState): Locate {
  return locateBy(
    new Map([
      ...flags.map(({ key }, index) => [`flag/${key}`, `$.flags[${index}].configuration`] as const),
      ...segments.map(({ key }, index) => [`segment/${key}`, `$.segments[${index}]`] as const),
    ]),
  );
}

/** Flags that leave the environment although they are killed there: the kill goes with the configuration. */
export function declaredWarnings(
  environment: string,
): (before: ProjectState, after: ProjectState) => Warning[] {
  return (before, after) => {
    const left = after.environments.get(environment)?.flags;
    return [...(before.environments.get(environment)?.flags ?? [])]
      .filter(([key, { kill }]) => kill !== null && left?.has(key) !== true)
      .map(([key]) => ({
        flag: key,
        rule: 'KILL_DROPPED',
        message: `Flag "${key}" is killed and was left out: it leaves the environment, and its kill with it.`,
      }));
  };
}

/** Flags and segments that are given twice, with keys compared without regard to case. */
function faultsOfKeys({ flags, segments }: DeclaredState): Fault[] {
  return [...repeatedKeys(flags, 'flags'), ...repeatedKeys(segments, 'segments')];
}

function repeatedKeys(objects: readonly { readonly key: string }[], list: string): Fault[] {
  const seen = new Set<string>();
  return objects.flatMap(({ key }, index) => {
    const folded = key.toLowerCase();
    const isRepeated = seen.has(folded);
    seen.add(folded);
    if (!isRepeated) return [];
    const message = `repeats the key "${key}" (keys are unique without regard to case)`;
    return [{ path: `$.${list}[${index}].key`, rule: 'repeated-key', message, remedy: 'Keep one of them.' }];
  });
}

/** The project's flags with those declared made or updated. */
function declaredFlags(
  state: ProjectState,
  there: EnvironmentState,
  declared: readonly DeclaredFlag[],
  context: EditContext,
): Result<ReadonlyMap<string, Flag>> {
  // What this environment uses now is replaced, so only the other environments can hold on to a variation.
  const elsewhere = withEnvironment(state, { ...there, flags: new Map() });
  const spellings = new Map([...state.flags.keys()].map((key) => [key.toLowerCase(), key]));
  const flags = new Map(state.flags);
  for (const [index, asked] of declared.entries()) {
    const flag = declaredFlag(elsewhere, asked, spellings.get(asked.key.toLowerCase()), context);
    if (!flag.ok) return rejected(rejectionUnder(`$.flags[${index}]`, flag.rejection));
    flags.set(asked.key, flag.value);
  }
  return accepted(flags);
}

function declaredFlag(
  state: ProjectState,
  asked: DeclaredFlag,
  spelling: string | undefined,
  context: EditContext,
): Result<Flag> {
  if (spelling !== undefined && spelling !== asked.key) return rejected(keyExists('flag', spelling));
  const flag = state.flags.get(asked.key);
  if (flag === undefined) {
    const archivedAt = asked.archived === true ? context.now : null;
    return mapResult(newFlag(asked, context, 0), (made) => ({ ...made, archivedAt }));
  }
  if (flag.archivedAt !== null && asked.archived === undefined) return rejected(flagArchived(flag.key));
  const faults = flag.type === asked.type ? [] : [typeFixed(flag)];
  return andThen(
    unlessFaulty(faults, () => patchOf(asked)),
    (patch) => patchedFlag(state, flag, patch, context),
  );
}

function patchOf(asked: DeclaredFlag): FlagPatch {
  return {
    name: asked.name,
    description: asked.description,
    owner: asked.owner,
    tags: asked.tags,
    kind: asked.kind,
    exposeToClients: asked.exposeToClients,
    valueSchema: asked.valueSchema,
    metadata: asked.metadata,
    expectedLifetimeDays: asked.expectedLifetimeDays,
    variations: asked.variations,
    archived: asked.archived,
  };
}

function typeFixed({ key, type }: Flag): Fault {
  return {
    path: '$.type',
    rule: 'type-fixed',
    message: `must stay ${type}: a flag keeps its type, and "${key}" exists`,
    remedy: 'Declare a flag with another key, or the same type.',
  };
}

/** Only what is declared, with unchanged places as the same objects. */
function declaredPlaces(
  flags: ReadonlyMap<string, Flag>,
  { flags: declared, kills }: DeclaredState,
  there: EnvironmentState,
  context: EditContext,
): Result<Map<string, EnvironmentFlag>> {
  const places = new Map<string, EnvironmentFlag>();
  for (const [index, { key, configuration: asked }] of declared.entries()) {
    const flag = flags.get(key);
    if (flag === undefined || asked === null) continue;
    const place = there.flags.get(key) ?? initialPlace(flag);
    const configuration = configurationOf(asked, flag, place.configuration, context.newSeed);
    if (!configuration.ok) {
      return rejected(rejectionUnder(`$.flags[${index}].configuration`, configuration.rejection));
    }
    const kill = declaredKill(asked.kill ?? null, place.kill, kills, context);
    places.set(key, { ...place, configuration: configuration.value, kill });
  }
  return accepted(places);
}

function declaredSegments(
  there: EnvironmentState,
  declared: DeclaredState['segments'],
): Result<Map<string, EnvironmentSegment>> {
  const segments = new Map<string, EnvironmentSegment>();
  for (const [index, asked] of declared.entries()) {
    const previous = there.segments.get(asked.key);
    const segment = newSegment(asked, previous?.segment);
    if (!segment.ok) return rejected(rejectionUnder(`$.segments[${index}]`, segment.rejection));
    segments.set(asked.key, { segment: segment.value, version: previous?.version ?? 0 });
  }
  return accepted(segments);
}

/** Flags that are new to the project, and those that came back, get their places in the other environments. */
function withPlacesElsewhere(
  state: ProjectState,
  flags: ReadonlyMap<string, Flag>,
  newFlags: DeclaredState['newFlagsElsewhere'],
): ProjectState {
  const next = { ...state, flags };
  const made = newFlags === 'absent' ? [] : [...flags.values()].filter(({ key }) => !state.flags.has(key));
  const returned = [...flags.values()].flatMap((flag) => {
    const archivedAt = state.flags.get(flag.key)?.archivedAt ?? null;
    return archivedAt === null || flag.archivedAt !== null ? [] : [{ flag, archivedAt }];
  });
  if (made.length + returned.length === 0) return next;
  const initial = new Map(made.map((flag) => [flag.key, initialPlace(flag)] as const));
  return mapEnvironments(next, (environment) =>
    returned.reduce(
      (placed, { flag, archivedAt }) => placedAgain(placed, flag, archivedAt),
      withPlaces(environment, initial),
    ),
  );
}

/** Archived flags are not served: the configurations of those that a declaration does not name stay. */
function withArchived(
  places: Map<string, EnvironmentFlag>,
  there: EnvironmentState,
  flags: ReadonlyMap<string, Flag>,
  declared: readonly DeclaredFlag[],
): ReadonlyMap<string, EnvironmentFlag> {
  const named = new Set(declared.map(({ key }) => key));
  for (const [key, place] of there.flags) {
    if (!named.has(key) && flags.get(key)?.archivedAt !== null) places.set(key, place);
  }
  return places;
}
