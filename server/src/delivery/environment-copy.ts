import assert from 'node:assert/strict';
import type { WireObject } from '@dimmer/schema';
import { addDigests, digestOf, digestOfAll, isFlagDefinition, subtractDigests } from '@dimmer/schema';
import type { DeliveredChange, DeliveredObject, DeliveredSnapshot } from './delivery-source.ts';

/**
 * How many removals a copy remembers. Beyond it the older half is forgotten and the floor rises, so that an
 * environment that lives for years stays as large as its flags. 10,000 of them take about 1 MB.
 */
export const TOMBSTONES_MAX = 10_000;

/** An object that was removed, and the revision that removed it. */
export interface Tombstone {
  readonly kind: string;
  readonly key: string;
  readonly version: number;
}

/**
 * One environment at one revision, as streams and snapshots send it. Immutable: folding makes a new copy
 * that shares every object which stays.
 */
export interface EnvironmentCopy {
  readonly epoch: string;
  /** What streams go on in, from epoch to epoch. */
  readonly lineage: string;
  readonly revision: number;
  /** ISO 8601, of the revision. */
  readonly committedAt: string;
  /** By `kind/key`. */
  readonly objects: ReadonlyMap<string, WireObject>;
  /** By `kind/key`, oldest first. */
  readonly tombstones: ReadonlyMap<string, Tombstone>;
  /** Below it, not every removal is remembered: a reader from there needs everything. */
  readonly floor: number;
  readonly digest: number;
  /** The last revision that killed a flag; 0 when none is known. */
  readonly lastKill: number;
}

/** What happened to an environment after some revision. */
export interface Differences {
  readonly objects: readonly WireObject[];
  readonly tombstones: readonly Tombstone[];
}

/** @example copyOf(await storage.snapshot(environment)) */
export function copyOf(snapshot: DeliveredSnapshot): EnvironmentCopy {
  const tombstones = [...snapshot.tombstones].sort((left, right) => left.version - right.version);
  return withBoundedTombstones({
    epoch: snapshot.epoch,
    lineage: snapshot.lineage ?? snapshot.epoch,
    revision: snapshot.revision,
    committedAt: snapshot.committedAt,
    objects: new Map(snapshot.objects.map((object) => [nameOf(object), object])),
    tombstones: new Map(tombstones.map((tombstone) => [nameOf(tombstone), tombstone])),
    floor: snapshot.historyFloor,
    digest: digestOfAll(snapshot.objects),
    lastKill: 0,
  });
}

/**
 * The copy after some changes. The digest follows at O(1) per object.
 *
 * The map of objects is copied once per call, not per change: at 5,000 objects that is a fraction of a
 * millisecond, less than a persistent map costs in code and in every read (docs/decisions/0004).
 *
 * @param changes - In order and without gaps, the first one directly after the copy's revision.
 * @throws AssertionError when they are not: a wrong revision would reach every reader.
 * @example fold(copy, await storage.changesAfter(environment, copy.revision, 100))
 */
export function fold(copy: EnvironmentCopy, changes: readonly DeliveredChange[]): EnvironmentCopy {
  const last = changes.at(-1);
  if (last === undefined) return copy;
  const contents = {
    objects: new Map(copy.objects),
    tombstones: new Map(copy.tombstones),
    digest: copy.digest,
  };
  let { revision, lastKill } = copy;
  for (const change of changes) {
    assert.equal(precedingRevision(change), revision, 'D2: a change is missing, repeated or misplaced');
    assert(change.revision > revision, 'D2: a change goes back');
    revision = change.revision;
    for (const changed of change.objects) applyObject(contents, changed, revision);
    if (change.kill) lastKill = change.revision;
  }
  return withBoundedTombstones({
    ...copy,
    revision,
    committedAt: last.at,
    ...contents,
    lastKill,
  });
}

/** The revision that a change follows on. */
export function precedingRevision({ revision, from = revision - 1 }: DeliveredChange): number {
  return from;
}

/**
 * What a reader at `since` lacks. Only right for `since` between the copy's floor and its revision.
 *
 * @example differencesSince(copy, copy.revision) // { objects: [], tombstones: [] }
 */
export function differencesSince(copy: EnvironmentCopy, since: number): Differences {
  return { objects: newerThan(copy.objects, since), tombstones: newerThan(copy.tombstones, since) };
}

/**
 * What makes one copy of another, by comparing every object: for copies between which no revision counts.
 *
 * @example differencesBetween(copy, copy) // { objects: [], tombstones: [] }
 */
export function differencesBetween(before: EnvironmentCopy, after: EnvironmentCopy): Differences {
  const objects = [...after.objects].flatMap(([name, object]) =>
    before.objects.get(name) === object ? [] : [object],
  );
  const tombstones = [...before.objects].flatMap(([name, { kind, key }]) =>
    after.objects.has(name) ? [] : [{ kind, key, version: after.revision }],
  );
  return { objects, tombstones };
}

/** Whether an object is a flag that is killed. */
export function isKilled(object: WireObject | undefined): boolean {
  return object !== undefined && isFlagDefinition(object) && object.killed === true;
}

/** What a copy holds, while a new one is made. */
interface Contents {
  readonly objects: Map<string, WireObject>;
  readonly tombstones: Map<string, Tombstone>;
  digest: number;
}

function applyObject(contents: Contents, { kind, key, definition }: DeliveredObject, revision: number): void {
  const { objects, tombstones } = contents;
  const name = nameOf({ kind, key });
  const before = objects.get(name);
  if (before !== undefined) contents.digest = subtractDigests(contents.digest, digestOf(before));
  if (definition === null) {
    objects.delete(name);
    tombstones.delete(name);
    tombstones.set(name, { kind, key, version: revision });
  } else {
    objects.set(name, definition);
    tombstones.delete(name);
    contents.digest = addDigests(contents.digest, digestOf(definition));
  }
}

function withBoundedTombstones(copy: EnvironmentCopy): EnvironmentCopy {
  if (copy.tombstones.size <= TOMBSTONES_MAX) return copy;
  const ordered = [...copy.tombstones];
  const kept = ordered.slice(-TOMBSTONES_MAX / 2);
  const floor = ordered.at(-TOMBSTONES_MAX / 2 - 1)?.[1].version ?? copy.floor;
  return { ...copy, tombstones: new Map(kept), floor: Math.max(copy.floor, floor) };
}

function newerThan<T extends { readonly version: number }>(
  versioned: ReadonlyMap<string, T>,
  since: number,
): readonly T[] {
  const newer: T[] = [];
  for (const object of versioned.values()) if (object.version > since) newer.push(object);
  return newer;
}

function nameOf({ kind, key }: { readonly kind: string; readonly key: string }): string {
  return `${kind}/${key}`;
}
