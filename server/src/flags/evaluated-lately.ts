import type { CommitRequest, Warning } from '../changes/commit.ts';
import type { ProjectState } from '../environments/environment.ts';
import type { RestServices } from '../rest/rest-services.ts';
import type { ExposureTotal } from '../storage/exposure-store.ts';

const DAY_MS = 86_400_000;

/** For how many days after its last evaluation archiving a flag warns; less, where exposures are kept for less. */
const EVALUATED_LATELY_DAYS = 7;

/** Flags of one write that are looked up. */
const FLAGS_LOOKED_UP_MAX = 50;

/** How long a write waits for what was counted, in milliseconds. Then it goes on without. */
const LOOK_UP_MS_MAX = 500;

/** What SDKs have counted of a flag lately, by environment; of a flag that is not there, nothing is known. */
type Counted = ReadonlyMap<string, ReadonlyMap<string, readonly ExposureTotal[]>>;

/**
 * What a write that may archive flags has to warn of: those that were evaluated lately. It is looked up before the
 * write, beside it, and never refuses or holds it up: what cannot be told in half a second is warned of as unknown.
 *
 * @param keys - Flags that the write may archive; only those that it does archive are warned of.
 * @example write(c, services, { …, warnings: await archiveWarnings(services, project, ['checkout-v2']) })
 */
export async function archiveWarnings(
  services: Pick<RestServices, 'storage' | 'clock' | 'schedule'>,
  project: string,
  keys: readonly string[],
): Promise<NonNullable<CommitRequest['warnings']>> {
  const counted = keys.length === 0 ? new Map() : await countedLately(services, project, keys);
  return (before, after) =>
    keys.filter((key) => isArchivedBy(before, after, key)).flatMap((key) => warningsOf(key, counted));
}

async function countedLately(
  services: Pick<RestServices, 'storage' | 'clock' | 'schedule'>,
  project: string,
  keys: readonly string[],
): Promise<Counted> {
  const counted = new Map<string, ReadonlyMap<string, readonly ExposureTotal[]>>();
  const end = services.clock.now() + LOOK_UP_MS_MAX;
  const lookUp = async () => {
    const state = await services.storage.read(project);
    const live = keys.filter((key) => state?.flags.get(key)?.archivedAt === null);
    for (const key of live.slice(0, FLAGS_LOOKED_UP_MAX)) {
      if (state === undefined || services.clock.now() > end) return;
      counted.set(key, await totalsOf(services, project, key, [...state.environments.keys()]));
    }
  };
  await new Promise<void>((resolve) => {
    const cancel = services.schedule.after(LOOK_UP_MS_MAX, resolve);
    // A storage that cannot be read is no reason to refuse: what was not found is warned of as unknown.
    lookUp()
      .then(resolve, () => resolve())
      .finally(cancel);
  });
  return counted;
}

async function totalsOf(
  { storage, clock }: Pick<RestServices, 'storage' | 'clock'>,
  project: string,
  flag: string,
  environments: readonly string[],
): Promise<ReadonlyMap<string, readonly ExposureTotal[]>> {
  const now = clock.now();
  // The minutes of a server whose clock is ahead count too.
  const [from, to] = [now - EVALUATED_LATELY_DAYS * DAY_MS, now + DAY_MS];
  const found = new Map<string, readonly ExposureTotal[]>();
  for (const environment of environments) {
    found.set(environment, await storage.exposures.totals({ project, environment, flag, from, to }));
  }
  return found;
}

function isArchivedBy(before: ProjectState, after: ProjectState, key: string): boolean {
  return before.flags.get(key)?.archivedAt === null && (after.flags.get(key)?.archivedAt ?? null) !== null;
}

function warningsOf(flag: string, counted: Counted): Warning[] {
  const environments = counted.get(flag);
  if (environments === undefined) {
    const message = `whether it was evaluated in the last ${EVALUATED_LATELY_DAYS} days could not be told`;
    return [{ flag, rule: 'EVALUATIONS_UNKNOWN', message }];
  }
  return [...environments].flatMap(([environment, totals]) =>
    totals.length === 0
      ? []
      : [{ flag, rule: 'EVALUATED_LATELY', message: evaluatedMessage(environment, totals) }],
  );
}

/** @example evaluatedMessage('production', totals) // 'was evaluated in production 1200 times in the last 7 days, …' */
function evaluatedMessage(environment: string, totals: readonly ExposureTotal[]): string {
  const last = new Date(Math.max(...totals.map(({ lastMinute }) => lastMinute))).toISOString();
  const parts = totals
    .toSorted((one, other) => other.count - one.count)
    .map(({ variation, source, count }) => {
      const served = variation === null ? 'no variation' : `"${variation}"`;
      return `${served} ${count}${source === 'client' ? ' (told by client keys)' : ''}`;
    });
  const sum = totals.reduce((times, { count }) => times + count, 0);
  const when = `in the last ${EVALUATED_LATELY_DAYS} days, last in the minute of ${last}`;
  return `was evaluated in ${environment} ${sum} times ${when}: ${parts.join(', ')}`;
}
