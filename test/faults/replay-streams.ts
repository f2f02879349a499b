import type { Entry } from './history-file.ts';
import { type Contents, digestOf } from './model.ts';

/** An object that was sent before a commit; `version` of a removal is when it went. */
export interface Sent {
  readonly name: string;
  readonly version: number;
  readonly removed: boolean;
}

/** One stream's beginning. */
export interface Opened {
  readonly client: string;
  readonly stream: number;
  readonly since: string | null;
  readonly epoch: string;
  readonly revision: number;
  readonly mode: string;
  /** The revision of the client's copy. */
  readonly position: number;
}

/** One commit, as a client received it. */
export interface Delivered {
  readonly client: string;
  readonly stream: number;
  readonly full: boolean;
  /** The revision of the client's copy before. */
  readonly from: number;
  readonly revision: number;
  readonly digest: number;
  readonly sent: readonly Sent[];
  /** The client's copy afterwards, and its digest. */
  readonly copy: Contents;
  readonly copyDigest: number;
}

/** One heartbeat, with the revision of the client's copy at that time. */
export interface Bookmark {
  readonly client: string;
  readonly stream: number;
  readonly revision: number;
  readonly digest: number;
  readonly position: number;
}

/** Everything that clients were sent, in order. */
export interface StreamHistory {
  readonly opened: readonly Opened[];
  readonly delivered: readonly Delivered[];
  readonly bookmarks: readonly Bookmark[];
  /** Where each client ended. */
  readonly positions: ReadonlyMap<string, number>;
}

/** Follows what raw clients recorded, frame by frame, as a reader without any safeguard would. */
export function replayStreams(entries: readonly Entry[]): StreamHistory {
  const opened: Opened[] = [];
  const delivered: Delivered[] = [];
  const bookmarks: Bookmark[] = [];
  const readers = new Map<string, Reader>();
  for (const entry of entries) {
    const { client } = entry;
    const reader = readers.get(client) ?? {
      since: null,
      full: false,
      position: 0,
      sent: [],
      copy: new Map(),
    };
    if (entry.op === 'open') readers.set(client, { ...reader, since: entry.args.since, sent: [] });
    if (entry.op !== 'frame') continue;
    const data = entry.result as Frame;
    const { stream, event } = entry.args;
    const { revision = 0, digest = 0 } = data;
    const { position } = reader;
    if (event === 'hello') {
      const { epoch = '', mode = '' } = data;
      opened.push({ client, stream, since: reader.since, epoch, revision, mode, position });
      readers.set(client, { ...reader, full: mode === 'full', sent: [] });
    } else if (event === 'put' || event === 'delete') {
      readers.set(client, { ...reader, sent: [...reader.sent, sentOf(data, event)] });
    } else if (event === 'heartbeat') {
      bookmarks.push({ client, stream, revision, digest, position });
    } else if (event === 'commit') {
      const copy = applied(reader);
      const { full, sent } = reader;
      const copyDigest = digestOf(copy);
      delivered.push({ client, stream, full, from: position, revision, digest, sent, copy, copyDigest });
      readers.set(client, { ...reader, full: false, position: revision, sent: [], copy });
    }
  }
  const positions = new Map(Array.from(readers, ([client, { position }]) => [client, position]));
  return { opened, delivered, bookmarks, positions };
}

interface Reader {
  readonly since: string | null;
  readonly full: boolean;
  readonly position: number;
  readonly sent: readonly Sent[];
  readonly copy: Contents;
}

/** The fields of every message; those of another one are absent. */
interface Frame {
  readonly epoch?: string;
  readonly mode?: string;
  readonly revision?: number;
  readonly digest?: number;
  readonly kind?: string;
  readonly key?: string;
  readonly version?: number;
}

function sentOf({ kind, key, version = 0 }: Frame, event: string): Sent {
  return { name: `${kind}/${key}`, version, removed: event === 'delete' };
}

function applied({ full, sent, copy }: Reader): Contents {
  const next = new Map(full ? [] : copy);
  for (const { name, version, removed } of sent) {
    if (removed) next.delete(name);
    else next.set(name, version);
  }
  return next;
}
