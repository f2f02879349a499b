/** Takes the chunks of HTTP/1.1 off a body, however the bytes are split. */
export class ChunkedBody {
  #rest: Buffer = Buffer.alloc(0);
  #ended = false;

  /** Whether the last chunk has come. */
  get ended(): boolean {
    return this.#ended;
  }

  /** @returns The part of the body that is complete now. */
  push(bytes: Buffer): Buffer {
    const parts: Buffer[] = [];
    let rest = Buffer.concat([this.#rest, bytes]);
    while (!this.#ended) {
      const lineEnd = rest.indexOf('\r\n');
      if (lineEnd < 0) break;
      const size = Number.parseInt(rest.subarray(0, lineEnd).toString('latin1'), 16);
      const end = lineEnd + 2 + size;
      if (rest.length < end + 2) break;
      parts.push(rest.subarray(lineEnd + 2, end));
      rest = rest.subarray(end + 2);
      this.#ended = size === 0;
    }
    this.#rest = rest;
    return Buffer.concat(parts);
  }
}

/** One chunk, as it stands on the wire. */
export function chunkOf(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

/** Cuts a body into SSE frames, each with the empty line that ends it. */
export class FrameSplitter {
  #rest: Buffer = Buffer.alloc(0);

  push(bytes: Buffer): readonly Buffer[] {
    const frames: Buffer[] = [];
    let rest = Buffer.concat([this.#rest, bytes]);
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      frames.push(rest.subarray(0, end + 2));
      rest = rest.subarray(end + 2);
    }
    this.#rest = rest;
    return frames;
  }
}

/** One event of a stream. */
export interface Frame {
  readonly event: string;
  /** The SSE id, which a reader sends back as its cursor. */
  readonly id: string | undefined;
  readonly data: unknown;
}

/** @returns `undefined` where there is no event, as in a comment. */
export function readFrame(bytes: Buffer): Frame | undefined {
  const lines = bytes.toString('utf8').split('\n');
  const field = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const [event, id, data] = [field('event'), field('id'), field('data')];
  return event === undefined || data === undefined ? undefined : { event, id, data: JSON.parse(data) };
}
