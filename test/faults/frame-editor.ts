import { ChunkedBody, chunkOf, FrameSplitter, readFrame } from './chunked-body.ts';

/** What is done, once, to the frames of a stream. They are counted from 1, without hello and heartbeats. */
export interface FrameEdits {
  readonly dropFrame?: number;
  readonly repeatFrame?: number;
}

const HEAD_END = '\r\n\r\n';

/**
 * Rewrites what a server sends on one connection: answers pass as they are, but frames of an event stream are
 * left out or sent twice. The rest of the stream stays a valid one, so only its reader can notice.
 */
export class FrameEditor {
  readonly #edits: () => FrameEdits;
  readonly #onEdited: () => void;
  #head: Buffer = Buffer.alloc(0);
  #body: ChunkedBody | undefined;
  #frames = new FrameSplitter();
  #count = 0;

  /**
   * @param edits - Asked for every frame, so that edits can begin and end within a stream.
   * @param onEdited - Told of every frame that was left out or repeated.
   */
  constructor(edits: () => FrameEdits, onEdited: () => void) {
    this.#edits = edits;
    this.#onEdited = onEdited;
  }

  push(bytes: Buffer): Buffer {
    return this.#body === undefined ? this.#pushHead(bytes) : this.#pushBody(this.#body, bytes);
  }

  #pushHead(bytes: Buffer): Buffer {
    const head = Buffer.concat([this.#head, bytes]);
    const end = head.indexOf(HEAD_END);
    if (end < 0) {
      this.#head = head;
      return Buffer.alloc(0);
    }
    this.#head = Buffer.alloc(0);
    const lines = head.subarray(0, end).toString('latin1').toLowerCase();
    if (!lines.includes('text/event-stream') || !lines.includes('transfer-encoding: chunked')) return head;
    const body = new ChunkedBody();
    this.#body = body;
    this.#frames = new FrameSplitter();
    const start = end + HEAD_END.length;
    return Buffer.concat([head.subarray(0, start), this.#pushBody(body, head.subarray(start))]);
  }

  #pushBody(body: ChunkedBody, bytes: Buffer): Buffer {
    const frames = this.#frames.push(body.push(bytes));
    const sent = frames.flatMap((frame) => this.#edit(frame)).map(chunkOf);
    if (body.ended) {
      this.#body = undefined;
      sent.push(Buffer.from('0\r\n\r\n'));
    }
    return Buffer.concat(sent);
  }

  #edit(frame: Buffer): readonly Buffer[] {
    const event = readFrame(frame)?.event;
    if (event === undefined || event === 'hello' || event === 'heartbeat') return [frame];
    this.#count += 1;
    const { dropFrame, repeatFrame } = this.#edits();
    if (this.#count !== dropFrame && this.#count !== repeatFrame) return [frame];
    this.#onEdited();
    return this.#count === dropFrame ? [] : [frame, frame];
  }
}
