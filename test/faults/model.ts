import { digestOfAll } from '@dimmer/schema';

/** `kind/key` of every object that exists, with its version. */
export type Contents = ReadonlyMap<string, number>;

/** One revision, as the server's history tells it. */
export interface RevisionRecord {
  readonly revision: number;
  readonly objects: readonly {
    readonly kind: string;
    readonly key: string;
    readonly after: FlagRecord | null;
  }[];
}

/** What is read of a flag in the history. */
export interface FlagRecord {
  readonly rules?: readonly { readonly id: string }[];
}

/** What an environment was at every revision. Everything that clients saw is judged against it. */
export interface Model {
  readonly last: number;
  /** Revisions that are missing from the history. */
  readonly gaps: readonly number[];
  /** @returns `undefined` for a revision that never was. */
  at(revision: number): Contents | undefined;
  digestAt(revision: number): number | undefined;
  /** The rule that a flag had at a revision; `null`: none, or no such flag. */
  markerAt(flag: string, revision: number): string | null;
}

/** @param records - The whole history, oldest first. */
export function modelOf(records: readonly RevisionRecord[]): Model {
  const contents = new Map<number, Contents>([[0, new Map()]]);
  const digests = new Map<number, number>([[0, 0]]);
  const markers = new Map<string, string | null>();
  let current = new Map<string, number>();
  for (const { revision, objects } of records) {
    current = new Map(current);
    for (const { kind, key, after } of objects) {
      if (after === null) current.delete(`${kind}/${key}`);
      else current.set(`${kind}/${key}`, revision);
      markers.set(`${key}@${revision}`, after?.rules?.[0]?.id ?? null);
    }
    contents.set(revision, current);
    digests.set(revision, digestOf(current));
  }
  const last = records.at(-1)?.revision ?? 0;
  return {
    last,
    gaps: Array.from({ length: last }, (_, index) => index + 1).filter((revision) => !contents.has(revision)),
    at: (revision) => contents.get(revision),
    digestAt: (revision) => digests.get(revision),
    markerAt(flag, revision) {
      const version = contents.get(revision)?.get(`flag/${flag}`);
      return version === undefined ? null : (markers.get(`${flag}@${version}`) ?? null);
    },
  };
}

/** The digest that a copy with these contents has. */
export function digestOf(contents: Contents): number {
  const objects = Array.from(contents, ([name, version]) => {
    const slash = name.indexOf('/');
    return { kind: name.slice(0, slash), key: name.slice(slash + 1), version };
  });
  return digestOfAll(objects);
}
