import type { Entry, Reading } from './history-file.ts';
import type { Model } from './model.ts';
import type { Violations } from './validate-streams.ts';

/** Two flags that are only ever written together. */
export const PAIR = ['pair-a', 'pair-b'] as const;
/** A flag that no client writes to, and whose rows are poisoned. */
export const VICTIM = 'victim';

export type ClientValidator = (entries: readonly Entry[], model: Model) => Violations;

/** What writers and SDKs are promised. */
export const CLIENT_VALIDATORS: { readonly [name: string]: ClientValidator } = {
  gapless,
  durable,
  monotonicReads,
  committedReads,
  wholeChangeSets,
  readYourWrite,
  nestedBuckets,
  oneBadFlag,
  converged,
};

/** Revisions have no holes. */
function gapless(_entries: readonly Entry[], { gaps }: Model): Violations {
  return gaps.map((revision) => `revision ${revision} is missing`);
}

/** What was acknowledged is in the history, whole. */
function durable(entries: readonly Entry[], model: Model): Violations {
  return entries.flatMap((entry) => {
    if (entry.op !== 'write' || entry.result === null) return [];
    const { marker, flags } = entry.args;
    const { revision } = entry.result;
    if (model.at(revision) === undefined) return [`revision ${revision} was acknowledged and never was`];
    const lost = flags.filter((flag) => model.markerAt(flag, revision) !== marker);
    return lost.map((flag) => `${marker} of ${flag} was acknowledged as ${revision}`);
  });
}

/** No SDK ever goes back: not in its revision, not in that of a flag. */
function monotonicReads(entries: readonly Entry[]): Violations {
  const latest = new Map<string, number>();
  return entries.flatMap((entry) =>
    revisionsOf(entry).flatMap(([subject, revision]) => {
      const name = `${entry.client} ${subject}`;
      const before = latest.get(name) ?? 0;
      latest.set(name, Math.max(before, revision));
      return revision < before ? [`${name} went from ${before} back to ${revision}`] : [];
    }),
  );
}

/** What an SDK serves is what the server had at that revision. */
function committedReads(entries: readonly Entry[], model: Model): Violations {
  return entries.flatMap((entry) =>
    readingsOf(entry).flatMap(({ flag, marker, revision, served }) =>
      revision === 0 || !served || model.markerAt(flag, revision) === marker
        ? []
        : [`${entry.client} read ${marker} of ${flag} at ${revision}`],
    ),
  );
}

/** Flags that were written together are seen together. */
function wholeChangeSets(entries: readonly Entry[]): Violations {
  return entries.flatMap((entry) => {
    const markers = readingsOf(entry).filter(({ flag }) => PAIR.some((key) => key === flag));
    const [first, second] = markers.map(({ marker }) => marker);
    return markers.length < 2 || first === second ? [] : [`${entry.client} read ${first} beside ${second}`];
  });
}

/** Once `waitForRevision` said yes, nothing older is read. */
function readYourWrite(entries: readonly Entry[], model: Model): Violations {
  return entries.flatMap((entry) => {
    if (entry.op !== 'wait' || !entry.result.reached) return [];
    const { revision } = entry.args;
    const wanted = model.at(revision);
    const older = entry.result.readings.filter(
      (read) => read.revision < (wanted?.get(`flag/${read.flag}`) ?? 0),
    );
    return older.map(({ flag }) => `${entry.client} waited for ${revision} and read an older ${flag}`);
  });
}

/** A growing rollout keeps everyone who was in. The marker of its rule is the percentage. */
function nestedBuckets(entries: readonly Entry[], model: Model): Violations {
  const rollouts = entries.flatMap((entry) => {
    if (entry.op !== 'buckets') return [];
    const { revision, users } = entry.result;
    const percent = Number(model.markerAt(entry.args.flag, revision)?.replace('p', ''));
    return [{ client: entry.client, percent, users: new Set(users) }];
  });
  const bySize = rollouts.filter(({ percent }) => percent > 0).sort((a, b) => a.percent - b.percent);
  return bySize.flatMap(({ client, percent, users }, index) => {
    const smaller = bySize[index - 1]?.users ?? new Set<number>();
    const outside = [...smaller].filter((user) => !users.has(user));
    return outside.length === 0 ? [] : [`${client}: at ${percent} % users ${outside} are out again`];
  });
}

/** A definition that cannot be evaluated harms its own flag only: the one that was poisoned. */
function oneBadFlag(entries: readonly Entry[]): Violations {
  return entries.flatMap((entry) => {
    const bad = readingsOf(entry).filter(({ flag, served }) => !served && flag !== VICTIM);
    return bad.map(({ flag, revision }) => `${entry.client} cannot evaluate ${flag} of ${revision}`);
  });
}

/** In the end every SDK that is live serves the last revision. */
function converged(entries: readonly Entry[], model: Model): Violations {
  const latest = new Map<string, Entry>();
  for (const entry of entries) if (entry.op === 'status') latest.set(entry.client, entry);
  return [...latest.values()].flatMap((entry) => {
    if (entry.op !== 'status' || entry.result.state !== 'LIVE') return [];
    const { revision } = entry.result;
    return revision === model.last ? [] : [`${entry.client} is LIVE at ${revision} of ${model.last}`];
  });
}

/** The flags that an SDK was asked. */
export function readingsOf(entry: Entry): readonly Reading[] {
  if (entry.op === 'read') return entry.result;
  return entry.op === 'wait' ? entry.result.readings : [];
}

function revisionsOf(entry: Entry): readonly (readonly [string, number])[] {
  if (entry.op === 'status') return [['snapshot', entry.result.revision ?? 0]];
  return readingsOf(entry).map(({ flag, revision }) => [flag, revision]);
}
