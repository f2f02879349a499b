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

/** The name and the JSON of a frame; `undefined` where it has no event, as a comment. */
export function readFrame(frame: Buffer): { readonly event: string; readonly data: unknown } | undefined {
  const lines = frame.toString('utf8').split('\n');
  const event = lines.find((line) => line.startsWith('event: '))?.slice('event: '.length);
  const data = lines.find((line) => line.startsWith('data: '))?.slice('data: '.length);
  return event === undefined || data === undefined ? undefined : { event, data: JSON.parse(data) };
}
