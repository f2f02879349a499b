import type { StoredSnapshot } from '@dimmer/follower';
import { snapshotOf } from '@dimmer/follower';
import type { SnapshotDocument, WireObject } from '@dimmer/schema';
import { decodeSnapshot } from '@dimmer/schema';
import { problemOf } from './problem-of.ts';
import { readBounded } from './read-bounded.ts';

export interface BootstrapOptions {
  /** A document, or the path of a file. */
  readonly bootstrap: SnapshotDocument | string | undefined;
  readonly bytesMax: number;
  readonly wallNow: () => number;
  readonly warn: (message: string) => void;
}

/** Reads the snapshot that came with the program. One that cannot be used is warned about and left out. */
export function loadBootstrap(options: BootstrapOptions): StoredSnapshot<WireObject> | null {
  const { bootstrap, warn } = options;
  if (bootstrap === undefined) return null;
  const document = typeof bootstrap === 'string' ? documentIn(bootstrap, options) : ownCopy(bootstrap, warn);
  if (document === undefined) return null;
  const decoded = decodeSnapshot(document);
  if (decoded.outcome !== 'decoded') {
    warn(
      `the bootstrap is not used: ${decoded.outcome === 'malformed' ? decoded.problem : 'not a snapshot'}`,
    );
    return null;
  }
  const snapshot = snapshotOf(decoded.value);
  if (snapshot === undefined) {
    warn('the bootstrap is not used: its digest is not that of its objects; take the snapshot again');
    return null;
  }
  const committedAt = Date.parse(snapshot.committedAt);
  const ageMs = Number.isNaN(committedAt) ? 0 : Math.max(0, options.wallNow() - committedAt);
  return { snapshot, source: 'bootstrap', ageMs, complete: false };
}

function documentIn(path: string, { bytesMax, warn }: BootstrapOptions): unknown {
  const file = readBounded(path, bytesMax);
  if (file.outcome === 'read') return parse(file.text, warn);
  const problem = file.outcome === 'absent' ? 'there is no such file' : file.problem;
  warn(`the bootstrap ${path} is not used: ${problem}`);
  return undefined;
}

/** Values are frozen when they are served, and the caller's object is not ours to freeze. */
function ownCopy(document: SnapshotDocument, warn: (message: string) => void): unknown {
  try {
    return structuredClone(document);
  } catch (error) {
    warn(`the bootstrap is not used: ${problemOf(error)}`);
    return undefined;
  }
}

function parse(text: string, warn: (message: string) => void): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    warn(`the bootstrap is not used: ${problemOf(error)}`);
    return undefined;
  }
}
