import { SYSTEM } from '../access/api-key.ts';
import type { OnCommitted } from '../changes/commit.ts';
import { commit } from '../changes/commit.ts';
import type { EnvironmentRef, ProjectState } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import { servedFlags } from '../flags/find-flag.ts';
import { liftExpiredKills } from '../flags/kill-edits.ts';
import { replyOf } from '../http/answer.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { Lease } from '../storage/lease-store.ts';
import type { Storage } from '../storage/storage.ts';

/** Lifts kills whose time has come. */
export interface KillExpiry {
  /**
   * Looks which kills have expired, and lifts them. Cheap when nothing has: it reads only environments that
   * changed since the last look. What fails is tried again by the next look, and holds up nothing else.
   *
   * @param lease - What lets this server do it, and no other.
   */
  check(lease: Lease): Promise<void>;
  close(): void;
}

interface Expiry {
  readonly ref: EnvironmentRef;
  /** Milliseconds since the Unix epoch; `Infinity`: never. */
  readonly at: number;
}

/** @example const expiry = createKillExpiry({ storage, clock, random }); */
export function createKillExpiry(services: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly onCommitted?: OnCommitted;
}): KillExpiry {
  const { storage, clock } = services;
  const expiries = new Map<string, Expiry>();
  const changed = new Map<string, EnvironmentRef>();
  let isFirst = true;
  const markChanged = (ref: EnvironmentRef): void => void changed.set(nameOf(ref), ref);
  const stopListening = storage.onCommit(markChanged);

  const refresh = async (): Promise<void> => {
    if (isFirst) for (const ref of await storage.environments()) markChanged(ref);
    isFirst = false;
    for (const [name, ref] of changed) {
      // Out of the set first: a commit during the read puts it back.
      changed.delete(name);
      const state = await storage.read(ref.project).catch((cause: unknown) => {
        markChanged(ref);
        throw cause;
      });
      expiries.set(name, { ref, at: nextExpiry(state, ref.environment) });
    }
  };
  return {
    check: async (lease) => {
      await refresh();
      const now = clock.now();
      const due = [...expiries.values()].filter(({ at }) => at <= now);
      throwFailures(await Promise.allSettled(due.map(({ ref }) => lift(services, ref, lease))));
    },
    close: stopListening,
  };
}

function throwFailures(outcomes: readonly PromiseSettledResult<void>[]): void {
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  if (failures.length > 0) throw new AggregateError(failures, 'Some expired kills were not lifted.');
}

async function lift(
  { storage, random, onCommitted }: Parameters<typeof createKillExpiry>[0],
  { project, environment }: EnvironmentRef,
  lease: Lease,
): Promise<void> {
  const outcome = await commit(storage, {
    project,
    actor: SYSTEM,
    action: 'flag.restore',
    subject: `environment/${environment}`,
    reason: 'The kill expired.',
    lease,
    // By the clock of the transaction: that of this server may be another.
    edit: (state, context) => liftExpiredKills(environment, Date.parse(context.now))(state, context),
    newSeed: () => random.uint32(),
    ...(onCommitted !== undefined && { onCommitted }),
    reply: ({ revisions }) => replyOf(200, { revisions }, environment),
  });
  if (!outcome.ok)
    throw new Error(`cannot lift kills of ${project}/${environment}: ${outcome.rejection.detail}`);
}

function nextExpiry(state: ProjectState | undefined, key: string): number {
  const environment = state?.environments.get(key);
  if (state === undefined || environment === undefined) return Number.POSITIVE_INFINITY;
  let next = Number.POSITIVE_INFINITY;
  for (const { place } of servedFlags(state, environment)) {
    const expiresAt = place.kill?.expiresAt;
    if (expiresAt !== undefined) next = Math.min(next, Date.parse(expiresAt));
  }
  return next;
}
