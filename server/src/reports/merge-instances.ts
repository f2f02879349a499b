import type { AppliedMoment, Instance, InstanceProblem } from './instance.ts';
import { APPLIED_PER_INSTANCE_MAX, PROBLEMS_PER_INSTANCE_MAX } from './instance.ts';

/**
 * One instance as several servers know it, because it moved between them. The newest report says where it stands; what
 * each of them was told of the way there is put together.
 *
 * @param known - At least one, all of one id, in any order.
 */
export function mergeInstances(known: readonly [Instance, ...Instance[]]): Instance {
  const [first, ...others] = known;
  if (others.length === 0) return first;
  const newest = known.reduce((best, one) => (isNewer(one, best) ? one : best));
  return {
    ...newest,
    seenAt: latest(known.map(({ seenAt }) => seenAt)),
    connectedAt: latest(known.map(({ connectedAt }) => connectedAt)),
    streams: sum(known.map(({ streams }) => streams)),
    applied: momentsOf(known),
    dropped: {
      exposures: sum(known.map(({ dropped }) => dropped.exposures)),
      events: sum(known.map(({ dropped }) => dropped.events)),
    },
    problems: problemsOf(known),
  };
}

/** Of two that were heard of in the same millisecond, any, but always the same. */
function isNewer(one: Instance, other: Instance): boolean {
  const [oneAt, otherAt] = [
    one.heardAt ?? Number.NEGATIVE_INFINITY,
    other.heardAt ?? Number.NEGATIVE_INFINITY,
  ];
  if (oneAt !== otherAt) return oneAt > otherAt;
  return JSON.stringify(one.status ?? null) > JSON.stringify(other.status ?? null);
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  const told = times.filter((time) => time !== undefined);
  return told.length === 0 ? undefined : Math.max(...told);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** The first telling of a moment counts, as with one server: its age was the most exact. */
function momentsOf(known: readonly Instance[]): readonly AppliedMoment[] {
  const all = known.flatMap(({ applied }) => applied);
  return distinct(all, ({ epoch, revision }) => `${epoch}:${revision}`).slice(-APPLIED_PER_INSTANCE_MAX);
}

function problemsOf(known: readonly Instance[]): readonly InstanceProblem[] {
  const all = known.flatMap(({ problems }) => problems);
  const name = ({ code, epoch, from, revision }: InstanceProblem): string =>
    JSON.stringify([code, epoch, from, revision]);
  return distinct(all, name).slice(-PROBLEMS_PER_INSTANCE_MAX);
}

/** Oldest first; of those with one name, the oldest. */
function distinct<T extends { readonly at: number }>(
  all: readonly T[],
  nameOf: (one: T) => string,
): readonly T[] {
  const sorted = [...all].sort((one, other) => one.at - other.at || (nameOf(one) < nameOf(other) ? -1 : 1));
  const byName = new Map<string, T>();
  for (const one of sorted) if (!byName.has(nameOf(one))) byName.set(nameOf(one), one);
  return [...byName.values()];
}
