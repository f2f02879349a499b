import type { Contents, Model } from './model.ts';
import type { Delivered, StreamHistory } from './replay-streams.ts';

/** What was promised and did not hold; empty when all is well. */
export type Violations = readonly string[];

export type StreamValidator = (history: StreamHistory, model: Model) => Violations;

/** The six promises of a watch. Each stands for itself: a run may break one and keep the others. */
export const STREAM_VALIDATORS: { readonly [name: string]: StreamValidator } = {
  ordered,
  unique,
  atomic,
  reliable,
  resumable,
  bookmarkable,
};

/** On one stream revisions only rise. */
function ordered({ delivered }: StreamHistory): Violations {
  const latest = new Map<string, number>();
  return delivered.flatMap(({ client, stream, revision }) => {
    const before = latest.get(`${client}/${stream}`) ?? -1;
    latest.set(`${client}/${stream}`, revision);
    return revision > before ? [] : [`${client}/${stream}: ${revision} came after ${before}`];
  });
}

/** No client gets a revision twice, over all its streams, unless everything is sent anew. */
function unique({ delivered }: StreamHistory): Violations {
  return delivered.flatMap(({ client, stream, full, from, revision }) =>
    full || revision > from ? [] : [`${client}/${stream}: ${revision} came twice, the copy is at ${from}`],
  );
}

/** A commit holds all of what its revisions changed, each object as it was at the last of them. */
function atomic({ delivered }: StreamHistory, model: Model): Violations {
  return delivered.flatMap((commit) => {
    const { client, stream, full, from, revision, sent } = commit;
    const [before, after] = [full ? new Map() : model.at(from), model.at(revision)];
    if (before === undefined || after === undefined) return [`${client}/${stream}: ${revision} never was`];
    const got = new Map(sent.map(({ name, version, removed }) => [name, removed ? 'gone' : version]));
    return differences(before, after).flatMap(([name, version]) =>
      got.get(name) === version
        ? []
        : [`${client}/${stream}: ${revision} has ${name} ${got.get(name) ?? 'left out'}, not ${version}`],
    );
  });
}

/** Nothing is lost: after every commit the copy is the server's, and in the end everyone is at the end. */
function reliable({ delivered, positions }: StreamHistory, model: Model): Violations {
  const wrong = delivered.filter((commit) => !isCopyOf(commit, model));
  const behind = [...positions].filter(([, position]) => position !== model.last);
  return [
    ...wrong.map(({ client, stream, revision }) => `${client}/${stream}: the copy at ${revision} is another`),
    ...behind.map(([client, position]) => `${client} ended at ${position} of ${model.last}`),
  ];
}

/** A stream goes on exactly where the cursor stands, or says that it begins anew. */
function resumable({ opened, delivered }: StreamHistory): Violations {
  const first = new Map<string, Delivered>();
  for (const commit of delivered) {
    const name = `${commit.client}/${commit.stream}`;
    if (!first.has(name)) first.set(name, commit);
  }
  return opened.flatMap(({ client, stream, since, epoch, revision, mode, position }) => {
    const name = `${client}/${stream}`;
    const wrong = (what: string): Violations => [
      `${name}: ${what} (since ${since}, hello ${mode} ${revision})`,
    ];
    if (since === null) return mode === 'full' ? [] : wrong('there was no cursor');
    if (!since.startsWith(`${epoch}:`)) return mode === 'full' ? [] : wrong('the cursor is of another epoch');
    if (since !== `${epoch}:${position}`) return wrong(`the ids lead elsewhere than to ${position}`);
    if (revision < position) return wrong('the server is behind what it sent');
    if (mode === 'none' && revision !== position) return wrong('it is not current');
    const next = first.get(name);
    return next !== undefined && mode === 'none' && next.revision <= position ? wrong('it went back') : [];
  });
}

/** A heartbeat stands for everything up to its revision. */
function bookmarkable({ bookmarks }: StreamHistory, model: Model): Violations {
  return bookmarks.flatMap(({ client, stream, revision, digest, position }) => {
    if (revision !== position)
      return [`${client}/${stream}: heartbeat at ${revision}, the copy at ${position}`];
    return digest === model.digestAt(revision)
      ? []
      : [`${client}/${stream}: digest of heartbeat ${revision}`];
  });
}

function isCopyOf({ revision, digest, copy, copyDigest }: Delivered, model: Model): boolean {
  const expected = model.at(revision);
  if (expected === undefined || digest !== copyDigest || expected.size !== copy.size) return false;
  return [...expected].every(([name, version]) => copy.get(name) === version);
}

/** What leads from one to the other: versions, and `gone`. */
function differences(before: Contents, after: Contents): readonly (readonly [string, number | 'gone'])[] {
  const changed = [...after].filter(([name, version]) => before.get(name) !== version);
  const removed = [...before.keys()].filter((name) => !after.has(name));
  return [...changed, ...removed.map((name) => [name, 'gone'] as const)];
}
