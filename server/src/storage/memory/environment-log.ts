import type { WireObject } from '@dimmer/schema';
import type { Environment } from '../../environments/environment.ts';
import type { Change, ChangedObject, HistoryQuery, ObjectAt, StoredSnapshot } from '../storage.ts';

type Tombstone = StoredSnapshot['tombstones'][number];

/** What one environment's history and snapshot are made from. Immutable. */
export interface EnvironmentLog {
  readonly floor: number;
  /** When the revision of the floor was committed, ISO 8601; the creation of the environment at first. */
  readonly floorAt: string;
  /** Above the floor, oldest first. */
  readonly changes: readonly Change[];
  /** By `kind/key`. */
  readonly definitions: ReadonlyMap<string, WireObject>;
  /** By `kind/key`. */
  readonly tombstones: ReadonlyMap<string, Tombstone>;
}

/** The log of an environment that was just made. */
export function emptyLog(environment: Environment): EnvironmentLog {
  return {
    floor: 0,
    floorAt: environment.createdAt,
    changes: [],
    definitions: new Map(),
    tombstones: new Map(),
  };
}

/** The log with one more change. */
export function append(log: EnvironmentLog, change: Change): EnvironmentLog {
  const definitions = new Map(log.definitions);
  const tombstones = new Map(log.tombstones);
  for (const { kind, key, definition } of change.objects) {
    const name = `${kind}/${key}`;
    if (definition === null) {
      definitions.delete(name);
      tombstones.set(name, { kind, key, version: change.revision });
    } else {
      definitions.set(name, definition);
      tombstones.delete(name);
    }
  }
  return { ...log, changes: [...log.changes, change], definitions, tombstones };
}

/** The log without the changes and tombstones at or below a floor. */
export function truncate(log: EnvironmentLog, floor: number): EnvironmentLog {
  if (floor <= log.floor) return log;
  const last = log.changes.findLast((change) => change.revision <= floor);
  return {
    ...log,
    floor,
    floorAt: last?.at ?? log.floorAt,
    changes: log.changes.filter((change) => change.revision > floor),
    tombstones: new Map([...log.tombstones].filter(([, tombstone]) => tombstone.version > floor)),
  };
}

/** Where the environment is, and since when (ISO 8601). */
export function headOf(log: EnvironmentLog): { readonly revision: number; readonly at: string } {
  return log.changes.at(-1) ?? { revision: log.floor, at: log.floorAt };
}

/** The changes that a query asks for, in its order. */
export function selectChanges(log: EnvironmentLog, query: HistoryQuery): readonly Change[] {
  const { flag, after, before } = query;
  const selected = log.changes.filter(
    (change) =>
      (after === undefined || change.revision > after) &&
      (before === undefined || change.revision < before) &&
      (flag === undefined || change.objects.some(({ kind, key }) => kind === 'flag' && key === flag)),
  );
  return (after === undefined ? selected.reverse() : selected).slice(0, query.limit);
}

/** The last revision at or before a time, in milliseconds; `undefined` where the log does not reach that far. */
export function revisionAt(log: EnvironmentLog, time: number): number | undefined {
  const last = log.changes.findLast((change) => Date.parse(change.at) <= time);
  if (last !== undefined) return last.revision;
  return Date.parse(log.floorAt) <= time ? log.floor : undefined;
}

/** What every object that was changed after a revision was then; `undefined` where the log does not reach that far. */
export function differencesAt(log: EnvironmentLog, revision: number): readonly ObjectAt[] | undefined {
  if (revision < log.floor || revision > headOf(log).revision) return undefined;
  const earliest = new Map<string, ObjectAt>();
  for (const object of log.changes.filter((change) => change.revision > revision).flatMap(objectsOf)) {
    const name = `${object.kind}/${object.key}`;
    if (!earliest.has(name)) earliest.set(name, asItWas(object));
  }
  return [...earliest.entries()]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, object]) => object);
}

function objectsOf(change: Change): readonly ChangedObject[] {
  return change.objects;
}

function asItWas(object: ChangedObject): ObjectAt {
  return object.kind === 'flag'
    ? { kind: 'flag', key: object.key, document: object.before }
    : { kind: 'segment', key: object.key, document: object.before };
}
