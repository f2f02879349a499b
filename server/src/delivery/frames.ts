import type {
  CommitMessage,
  Cursor,
  FlagValue,
  GoodbyeMessage,
  HeartbeatMessage,
  HelloMessage,
  SnapshotDocument,
  WireObject,
} from '@dimmer/schema';
import { formatCursor, PROTOCOL_VERSION } from '@dimmer/schema';
import type { EnvironmentCopy, Tombstone } from './environment-copy.ts';

/** Where an environment is, and the digest of what a reader holds there. */
export type CopyHead = Pick<EnvironmentCopy, 'epoch' | 'revision' | 'digest' | 'committedAt'>;

const PUT_PREFIX = 'event: put\ndata: ';
const SUFFIX = '\n\n';
const COMMA = Buffer.from(',');

/** The first frame of a stream, and of each crossing to another epoch. */
export function helloFrame(
  { epoch, revision }: Cursor,
  mode: HelloMessage['mode'],
  pulse: { readonly heartbeatMs: number; readonly databaseAgeMs: number },
): Buffer {
  const { heartbeatMs, databaseAgeMs } = pulse;
  return frame('hello', { protocol: PROTOCOL_VERSION, epoch, revision, mode, heartbeatMs, databaseAgeMs });
}

/** Stages an object. The only place where an object becomes JSON: see {@link jsonOfPut}. */
export function putFrame(object: WireObject | FlagValue): Buffer {
  return Buffer.from(`${PUT_PREFIX}${JSON.stringify(object)}${SUFFIX}`);
}

/** The object's JSON inside its frame, without copying it. */
function jsonOfPut(put: Buffer): Buffer {
  return put.subarray(PUT_PREFIX.length, -SUFFIX.length);
}

/** Stages a removal. */
export function deleteFrame({ kind, key, version }: Tombstone): Buffer {
  return frame('delete', { kind, key, version });
}

/**
 * Ends a change set, and carries the cursor to resume from as its SSE id.
 *
 * @param options.kill - Whether it killed a flag.
 */
export function commitFrame(copy: CopyHead, { kill = false }: { readonly kill?: boolean } = {}): Buffer {
  const { revision, digest, committedAt } = copy;
  return frame('commit', { revision, digest, committedAt, ...(kill && { kill }) }, formatCursor(copy));
}

/** Without an id: a heartbeat is no position to resume from, its commit was. */
export function heartbeatFrame(
  { revision, digest }: Pick<CopyHead, 'revision' | 'digest'>,
  databaseAgeMs: number,
): Buffer {
  return frame('heartbeat', { revision, digest, databaseAgeMs });
}

/** The last frame of a stream. */
export function goodbyeFrame(reason: GoodbyeMessage['reason'], reconnectInMs: number): Buffer {
  return frame('goodbye', { reason, reconnectInMs });
}

/**
 * The body of `GET /sdk/v1/snapshot` and of `POST /client/v1/evaluate`, joined from JSON that exists already.
 *
 * @param puts - The frame of every object that the reader is to hold.
 */
export function snapshotDocument(copy: CopyHead, puts: readonly Buffer[]): Buffer<ArrayBuffer> {
  const { epoch, revision, digest, committedAt } = copy;
  const head: Omit<SnapshotDocument, 'objects'> = {
    protocol: PROTOCOL_VERSION,
    epoch,
    revision,
    digest,
    committedAt,
  };
  const pieces: Buffer[] = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"objects":[`)];
  for (const [index, put] of puts.entries()) {
    if (index > 0) pieces.push(COMMA);
    pieces.push(jsonOfPut(put));
  }
  pieces.push(Buffer.from(']}'));
  return Buffer.concat(pieces);
}

/** What each event carries beside its name. */
interface EventData {
  readonly hello: Omit<HelloMessage, 'type'>;
  readonly delete: Tombstone;
  readonly commit: Omit<CommitMessage, 'type'>;
  readonly heartbeat: Omit<HeartbeatMessage, 'type'>;
  readonly goodbye: Omit<GoodbyeMessage, 'type'>;
}

function frame<Event extends keyof EventData>(event: Event, data: EventData[Event], id?: string): Buffer {
  return sseFrame(event, data, id);
}

/**
 * One SSE event. JSON has no line breaks of its own, so one `data:` line always suffices.
 *
 * @param id - What a reader says in `Last-Event-ID` when it comes back.
 */
export function sseFrame(event: string, data: object, id?: string): Buffer {
  const idLine = id === undefined ? '' : `id: ${id}\n`;
  return Buffer.from(`${idLine}event: ${event}\ndata: ${JSON.stringify(data)}${SUFFIX}`);
}
