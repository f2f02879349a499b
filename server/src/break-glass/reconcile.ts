import type { Actor } from '../access/api-key.ts';
import { SYSTEM } from '../access/api-key.ts';
import type { CommitRequest } from '../changes/commit.ts';
import type { Edit } from '../changes/edit.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { servedFlag } from '../flags/find-flag.ts';
import { killFlag } from '../flags/kill-edits.ts';
import { environmentAfter } from '../rest/environment-after.ts';
import type { Change } from '../storage/storage.ts';
import type { HeldKill } from './held-kills.ts';

/** Why a held kill is not committed. */
export type Idle =
  /** The flag or its environment is gone, or the flag is archived. */
  | 'gone'
  /** Somebody restored the flag after the kill was asked for: people have the last word. */
  | 'restored'
  /** A later kill stands. */
  | 'killed later'
  /** The history does not reach back to it: what people have done since is not known. */
  | 'too old';

/**
 * What is to be done about a held kill, now that the database answers.
 *
 * @param changes - Of the flag: every one since the kill was asked for, at least. `undefined`: not all of them are known.
 * @returns `commit`, or why not.
 */
export function decide(
  held: HeldKill,
  state: ProjectState | undefined,
  changes: readonly Change[] | undefined,
): 'commit' | Idle {
  const environment = state?.environments.get(held.environment.environment);
  const served = state && environment && servedFlag(state, environment, held.flag);
  if (served === undefined) return 'gone';
  if (changes === undefined) return 'too old';
  if (changes.some((change) => isRestoreAfter(held, change))) return 'restored';
  const { kill } = served.place;
  return kill !== null && isLater(kill.at, held.kill.at) ? 'killed later' : 'commit';
}

/**
 * The ordinary kill, with actor, reason and time as they were asked for. It is refused where the flag has changed after
 * the state that it was decided on: then it is decided again.
 *
 * @param server - The host that held it.
 */
export function reconciling(
  held: HeldKill,
  { revision }: EnvironmentState,
  server: string,
): Omit<CommitRequest, 'newSeed' | 'sizes'> {
  const { environment, flag, kill, actor } = held;
  return {
    project: environment.project,
    actor,
    action: 'flag.kill',
    subject: `flag/${flag}`,
    reason: kill.reason,
    details: { breakGlass: { at: kill.at, server } },
    edit: killedThen(held),
    precondition: (state) => {
      const place = state.environments.get(environment.environment)?.flags.get(flag);
      return place !== undefined && place.version <= revision ? accepted(undefined) : rejected(movedOn);
    },
    reply: (made) => ({
      status: 200,
      etag: null,
      body: { revision: environmentAfter(made, environment.environment).revision },
    }),
  };
}

/** The edit of a kill at the time at which it was asked for. */
function killedThen({ environment, flag, kill }: HeldKill): Edit {
  const { reason, expiresAt, at: now } = kill;
  const edit = killFlag(environment.environment, flag, { reason, expiresAt });
  return (state, context) => edit(state, { ...context, now });
}

function isRestoreAfter(held: HeldKill, { at, actor, objects }: Change): boolean {
  // The end of a kill that expired is nobody's word.
  if (!isLater(at, held.kill.at) || isSystem(actor)) return false;
  return objects.some(
    (object) =>
      object.kind === 'flag' &&
      object.key === held.flag &&
      object.before?.kill != null &&
      object.after?.kill === null,
  );
}

function isSystem({ id }: Actor): boolean {
  return id === SYSTEM.id;
}

function isLater(one: string, other: string): boolean {
  return Date.parse(one) > Date.parse(other);
}

const movedOn = {
  code: 'PRECONDITION_FAILED',
  detail: 'The flag has changed since the kill was decided on.',
} as const;
