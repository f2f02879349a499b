import { join } from 'node:path';
import type { Snapshot, StoredSnapshot } from '@dimmer/follower';
import { snapshotOf } from '@dimmer/follower';
import type { SnapshotDocument, WireObject } from '@dimmer/schema';
import { decodeSnapshotOf, PROTOCOL_VERSION } from '@dimmer/schema';
import { EnvironmentKeys } from '@dimmer/schema/rest';
import { hashOf } from '../access/secret.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { makeFolder } from '../platform/make-folder.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import { clearAbandoned, readSealed, writeSealed } from '../platform/sealed-file.ts';
import { decodePassed } from './passed-object.ts';
import type { Upstream } from './upstream.ts';

/** Grows when a reader of today could no longer understand the files. */
const FORMAT = 1;

/** Quiet time before what changed is written, in milliseconds. */
const WRITE_DELAY_MS = 1_000;

/** Bytes of a file; a larger one is not used. */
const FILE_BYTES_MAX = 33_554_432;

/** What an earlier run has left. */
export interface CachedEnvironment {
  readonly stored: StoredSnapshot<WireObject> | null;
  readonly keys: EnvironmentKeys | undefined;
}

/** What a relay knows of one environment, on disk. Nothing here throws or rejects: what fails is logged, once. */
export interface RelayCache {
  load(): Promise<CachedEnvironment>;
  /** Writes a snapshot soon; of several in a row, the last. */
  saveSnapshot(snapshot: Snapshot<WireObject>): void;
  /** The same for the keys. */
  saveKeys(keys: EnvironmentKeys): void;
  /** Writes now what was not written yet. */
  flush(): Promise<void>;
}

export interface RelayCacheParts {
  readonly folder: string;
  readonly upstream: Pick<Upstream, 'url' | 'key'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
}

type Name = 'snapshot' | 'keys';

/** Two files for each upstream and key, sealed with the key. */
export function createRelayCache(parts: RelayCacheParts): RelayCache {
  const { folder, upstream, clock, random, schedule, log } = parts;
  const identity = hashOf(`${upstream.url.href}\n${upstream.key}`).slice(0, 32);
  const unwritten = new Map<Name, () => object>();
  const warned = new Set<Name>();
  let cancel: (() => void) | undefined;
  let writing = Promise.resolve();

  const pathOf = (name: Name): string => join(folder, `relay-${identity}-${name}.json`);

  function warn(name: Name, err: unknown, message: string): void {
    if (!warned.has(name)) log.warn({ err, file: pathOf(name) }, message);
    warned.add(name);
  }

  async function read(name: Name): Promise<Fields> {
    const path = pathOf(name);
    const reading = await readSealed(path, upstream.key, FILE_BYTES_MAX);
    if (reading.outcome === 'unusable') {
      log.warn({ file: path, problem: reading.problem }, 'a file of the cache is not used');
    }
    const fields: unknown = reading.outcome === 'read' ? JSON.parse(reading.body) : undefined;
    const found: Fields = typeof fields === 'object' && fields !== null ? fields : {};
    return found.format === FORMAT ? found : {};
  }

  async function write(name: Name, content: () => object): Promise<void> {
    try {
      const body = JSON.stringify({ format: FORMAT, savedAt: clock.now(), ...content() });
      makeFolder(folder, 0o700);
      await writeSealed(pathOf(name), upstream.key, body, random);
      warned.delete(name);
    } catch (cause) {
      warn(name, cause, 'the cache cannot be written: after a restart without the upstream nothing is known');
    }
  }

  function flush(): Promise<void> {
    cancel?.();
    cancel = undefined;
    // One write after the other: a slow disk must not let an older state come last.
    for (const [name, content] of unwritten) writing = writing.then(() => write(name, content));
    unwritten.clear();
    return writing;
  }

  function save(name: Name, content: () => object): void {
    unwritten.set(name, content);
    cancel ??= schedule.after(WRITE_DELAY_MS, () => void flush());
  }

  return {
    load: async () => {
      await clearAbandoned(folder, `relay-${identity}-`, clock.now());
      const [snapshot, keys] = await Promise.all([read('snapshot'), read('keys')]);
      return { stored: storedIn(snapshot, clock.now()), keys: keysIn(keys) };
    },
    saveSnapshot: (snapshot) => save('snapshot', () => ({ document: documentOf(snapshot) })),
    saveKeys: (keys) => save('keys', () => ({ keys })),
    flush,
  };
}

/** The body is sealed, so a relay wrote it; a later version may have changed its fields. */
type Fields = Partial<Record<'format' | 'savedAt' | 'document' | 'keys', unknown>>;

function storedIn({ savedAt, document }: Fields, now: number): StoredSnapshot<WireObject> | null {
  const decoded = decodeSnapshotOf(document, decodePassed);
  const snapshot = decoded.outcome === 'decoded' ? snapshotOf(decoded.value) : undefined;
  if (snapshot === undefined || typeof savedAt !== 'number') return null;
  // Complete: what this build cannot read was kept as it came.
  return { snapshot, source: 'cache', ageMs: Math.max(0, now - savedAt), complete: true };
}

function keysIn({ keys }: Fields): EnvironmentKeys | undefined {
  const parsed = EnvironmentKeys.safeParse(keys);
  return parsed.success ? parsed.data : undefined;
}

function documentOf(snapshot: Snapshot<WireObject>): SnapshotDocument {
  const { epoch, revision, digest, committedAt, objects } = snapshot;
  return { protocol: PROTOCOL_VERSION, epoch, revision, digest, committedAt, objects: [...objects.values()] };
}
