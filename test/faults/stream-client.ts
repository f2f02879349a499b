import { connect } from 'node:net';
import { ChunkedBody, type Frame, FrameSplitter, readFrame } from './chunked-body.ts';
import type { HistoryFile } from './history-file.ts';
import type { SeededRandom } from './seeded-random.ts';

/** A stream over a raw socket, which records every frame and comes back whenever it has ended. */
export interface StreamClient {
  /** Revision of the last commit that came. */
  readonly revision: number;
  stop(): void;
}

export interface StreamClientOptions {
  readonly name: string;
  /** `http://127.0.0.1:4400`. */
  readonly url: string;
  readonly key: string;
  readonly history: HistoryFile;
  readonly random: SeededRandom;
  /** Reads for a moment, then not at all for so long, in milliseconds. */
  readonly pausesMs?: number;
}

/** Shortest and longest time until a client is back, in milliseconds. */
const RETURN_MS = [50, 400] as const;
const READS_FOR_MS = 100;
/** An open stream that says nothing for so long is given up, in milliseconds: four heartbeats of a run. */
const SILENCE_MS = 4_000;

/** It keeps the cursor and nothing else: what it was sent is put together from the file, afterwards. */
export function startStreamClient(options: StreamClientOptions): StreamClient {
  const { name, history, random } = options;
  let stream = 0;
  let cursor: string | null = null;
  let revision = 0;
  let stopped = false;
  let end = (): void => {};

  function open(): void {
    stream += 1;
    history.append(name, { op: 'open', args: { stream, since: cursor }, result: null });
    end = openStream(options, cursor, { frame, closed });
  }

  function frame({ event, id, data }: Frame): void {
    history.append(name, { op: 'frame', args: { stream, event }, result: data });
    // Nothing but the id decides where the next stream goes on: that is all that SSE promises a reader.
    cursor = id ?? cursor;
    if (event === 'commit') revision = (data as { readonly revision: number }).revision;
  }

  function closed(): void {
    history.append(name, { op: 'closed', args: { stream }, result: null });
    if (!stopped) setTimeout(() => stopped || open(), random.between(...RETURN_MS));
  }

  open();
  return {
    get revision() {
      return revision;
    },
    stop() {
      stopped = true;
      end();
    },
  };
}

interface StreamSink {
  frame(frame: Frame): void;
  closed(): void;
}

/** @returns Ends it. */
function openStream(options: StreamClientOptions, cursor: string | null, sink: StreamSink): () => void {
  const { hostname, port, host } = new URL(options.url);
  const socket = connect(Number(port), hostname);
  const body = new ChunkedBody();
  const frames = new FrameSplitter();
  let head: Buffer | undefined = Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;

  function receive(bytes: Buffer): void {
    for (const bytesOfFrame of frames.push(body.push(bytes))) {
      const read = readFrame(bytesOfFrame);
      if (read !== undefined) sink.frame(read);
    }
  }

  socket.setTimeout(SILENCE_MS + 2 * (options.pausesMs ?? 0), () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    clearTimeout(timer);
    sink.closed();
  });
  socket.on('end', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    if (head === undefined) return receive(bytes);
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const rest = head.subarray(end + 4);
    const isStream = /^HTTP\/1\.1 200 /.test(head.toString('latin1'));
    head = undefined;
    if (isStream) receive(rest);
    else socket.destroy();
  });
  const query = cursor === null ? '' : `?since=${cursor}`;
  socket.write(
    `GET /sdk/v1/stream${query} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${options.key}\r\n\r\n`,
  );
  if (options.pausesMs !== undefined) timer = readInTurns(options.pausesMs);

  function readInTurns(pausesMs: number): NodeJS.Timeout {
    const paused = socket.isPaused();
    if (paused) socket.resume();
    else socket.pause();
    timer = setTimeout(() => readInTurns(pausesMs), paused ? READS_FOR_MS : pausesMs);
    return timer;
  }

  return () => socket.destroy();
}
