import { isDeepStrictEqual } from 'node:util';
import type { DeclaredState, KillInput, KillManyInput } from '@dimmer/schema/rest';
import type { Edit, EditContext } from '../changes/edit.ts';
import { type Fault, rejectionUnder, unlessFaulty } from '../changes/fault.ts';
import { accepted, andThen, mapResult, type Rejection, type Result, rejected } from '../changes/result.ts';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { environmentOf, withEnvironment, withPlace, withPlaces } from '../environments/project-state.ts';
import { configuredFlagOf, servedFlags } from './find-flag.ts';
import type { EnvironmentFlag, Kill } from './flag.ts';

/**
 * Kills flags in one environment: those named, those with the tag, or both. A kill beats everything else, and
 * lies over configurations without touching them. A flag that is killed already keeps its kill, unless reason or
 * expiry differ: then this one counts.
 *
 * @example killFlags('production', { tag: 'checkout', reason: 'payments time out' })
 */
export function killFlags(environment: string, { flags, tag, reason, expiresAt }: KillManyInput): Edit {
  return (state, context) =>
    andThen(environmentOf(state, environment), (there) =>
      andThen(killedKeys(state, there, flags ?? [], tag), (keys) =>
        mapResult(killOf(reason, expiresAt, context), (kill) =>
          withChangedPlaces(state, there, keys, (place) =>
            isSameKill(place.kill, kill) ? place : { ...place, kill },
          ),
        ),
      ),
    );
}

/** @example killFlag('production', 'checkout-v2', { reason: 'payments time out' }) */
export function killFlag(environment: string, flag: string, { reason, expiresAt }: KillInput): Edit {
  return (state, context) =>
    andThen(configuredFlagOf(state, environment, flag), () =>
      killFlags(environment, { flags: [flag], reason, expiresAt })(state, context),
    );
}

/** Lifts a flag's kill. Restoring a flag that is not killed is no change. */
export function restoreFlag(environment: string, flag: string): Edit {
  return (state) =>
    mapResult(configuredFlagOf(state, environment, flag), ({ environment: there, place }) =>
      place.kill === null ? state : withEnvironment(state, withPlace(there, flag, { ...place, kill: null })),
    );
}

/**
 * Lifts every kill whose time has come. Archived flags keep theirs until they are brought back.
 *
 * @param nowMs - Milliseconds since the Unix epoch.
 */
export function liftExpiredKills(environment: string, nowMs: number): Edit {
  return (state) =>
    mapResult(environmentOf(state, environment), (there) => {
      const expired = [...servedFlags(state, there)].filter(({ place }) => hasExpired(place.kill, nowMs));
      const keys = expired.map(({ flag }) => flag.key);
      return withChangedPlaces(state, there, keys, (place) => ({ ...place, kill: null }));
    });
}

type DeclaredKill = NonNullable<NonNullable<DeclaredState['flags'][number]['configuration']>['kill']>;

/**
 * The kill of a flag that a state declares. One whose time is over counts as none: it would be lifted at once.
 *
 * @param standing - The kill that is there.
 * @example declaredKill({ reason: 'payments time out' }, null, 'add', context)
 */
export function declaredKill(
  asked: DeclaredKill | null,
  standing: Kill | null,
  kills: DeclaredState['kills'],
  context: EditContext,
): Kill | null {
  if (kills === 'keep') return standing;
  if (asked === null || hasExpired(asked, Date.parse(context.now))) return kills === 'add' ? standing : null;
  const { reason, expiresAt } = asked;
  const kill = killAt(reason, expiresAt, context);
  const known = standing !== null && isSameKill(standing, kill) ? standing : kill;
  const at = asked.at === undefined ? known.at : new Date(asked.at).toISOString();
  return { ...kill, by: asked.by ?? known.by, at };
}

/** @param nowMs - Milliseconds since the Unix epoch. */
export function hasExpired(kill: { readonly expiresAt?: string | undefined } | null, nowMs: number): boolean {
  return kill?.expiresAt !== undefined && Date.parse(kill.expiresAt) <= nowMs;
}

/** The kill that is asked for, unless its time is over already. */
export function killOf(
  reason: string,
  expiresAt: string | undefined,
  context: Pick<EditContext, 'now' | 'actor'>,
): Result<Kill> {
  const isPast = hasExpired({ expiresAt }, Date.parse(context.now));
  return unlessFaulty(isPast ? [pastExpiry(context.now)] : [], () => killAt(reason, expiresAt, context));
}

function killAt(
  reason: string,
  expiresAt: string | undefined,
  { actor, now }: Pick<EditContext, 'now' | 'actor'>,
): Kill {
  return {
    reason,
    by: actor.name,
    at: now,
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
  };
}

function pastExpiry(now: string): Fault {
  return {
    path: '$.expiresAt',
    rule: 'expiry-in-future',
    message: `must lie after now, ${now}`,
    remedy: 'Give a later time, or leave it out: the kill then stands until it is restored.',
  };
}

function isSameKill(standing: Kill | null, asked: Kill): boolean {
  if (standing === null) return false;
  return isDeepStrictEqual([standing.reason, standing.expiresAt], [asked.reason, asked.expiresAt]);
}

/** In an emergency a wrong name must not pass for a kill, so a flag or tag that is not there is refused. */
function killedKeys(
  state: ProjectState,
  environment: EnvironmentState,
  named: readonly string[],
  tag: string | undefined,
): Result<ReadonlySet<string>> {
  for (const [index, key] of named.entries()) {
    const found = configuredFlagOf(state, environment.environment.key, key);
    if (!found.ok) return rejected(rejectionUnder(`$.flags[${index}]`, found.rejection));
  }
  if (tag === undefined) return accepted(new Set(named));
  const tagged = [...servedFlags(state, environment)].filter(({ flag }) => flag.tags.includes(tag));
  if (tagged.length === 0) return rejected(noFlagTagged(tag, environment.environment.key));
  return accepted(new Set([...named, ...tagged.map(({ flag }) => flag.key)]));
}

function noFlagTagged(tag: string, environment: string): Rejection {
  return {
    code: 'FLAG_NOT_FOUND',
    detail: `No flag in environment "${environment}" has the tag "${tag}".`,
    remedy: 'List the flags with ?tag=, or name the flags.',
  };
}

function withChangedPlaces(
  state: ProjectState,
  environment: EnvironmentState,
  keys: Iterable<string>,
  change: (place: EnvironmentFlag) => EnvironmentFlag,
): ProjectState {
  const places = new Map<string, EnvironmentFlag>();
  for (const key of keys) {
    const place = environment.flags.get(key);
    if (place !== undefined) places.set(key, change(place));
  }
  return withEnvironment(state, withPlaces(environment, places));
}
