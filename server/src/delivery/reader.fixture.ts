import assert from 'node:assert/strict';
import type { Cursor, Message, WireObject } from '@dimmer/schema';
import { decodeMessage, digestOfAll, formatCursor, parseCursor } from '@dimmer/schema';

/** One SSE event, decoded. */
export interface ReadEvent {
  readonly id: string | undefined;
  readonly message: Message;
}

/** Decodes the bytes of a stream. Only for bytes as this server writes them: one line per field. */
export function eventsOf(bytes: Buffer | string): readonly ReadEvent[] {
  return bytes
    .toString()
    .split('\n\n')
    .slice(0, -1)
    .map((block) => {
      const field = (name: string): string | undefined =>
        block
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      const decoded = decodeMessage(field('event') ?? '', field('data') ?? '');
      assert(decoded.outcome === 'decoded', `not a message: ${block}`);
      return { id: field('id'), message: decoded.value };
    });
}

/**
 * The least that a reader of the stream can be: it stages, swaps at a commit, and insists on every promise of
 * the protocol while it does so.
 */
export class Reader {
  cursor: Cursor | undefined;
  objects = new Map<string, WireObject>();
  readonly messages: Message[] = [];
  /** Whether a stream may cross to another epoch. */
  mayCross = false;
  #staged = new Map<string, WireObject>();
  #epoch = '';

  read(bytes: Buffer | string): void {
    for (const event of eventsOf(bytes)) this.#apply(event);
  }

  /** What has arrived, by name: `['hello', 'put', 'commit']`. */
  get types(): readonly string[] {
    return this.messages.map(({ type }) => type);
  }

  #apply({ id, message }: ReadEvent): void {
    this.messages.push(message);
    switch (message.type) {
      case 'hello':
        assert(
          message.mode === 'full' || message.epoch === this.cursor?.epoch || this.mayCross,
          'continued in another epoch',
        );
        if (message.mode === 'none') assert.equal(message.revision, this.cursor?.revision);
        if (message.mode === 'full' || message.epoch !== this.cursor?.epoch) this.cursor = undefined;
        this.#epoch = message.epoch;
        this.#staged = message.mode === 'full' ? new Map() : new Map(this.objects);
        return;
      case 'put':
        this.#staged.set(`${message.object.kind}/${message.object.key}`, message.object);
        return;
      case 'delete':
        this.#staged.delete(`${message.kind}/${message.key}`);
        return;
      case 'commit':
        assert(this.cursor === undefined || message.revision > this.cursor.revision, 'went back');
        this.objects = new Map(this.#staged);
        this.cursor = parseCursor(id);
        assert.equal(id, formatCursor({ epoch: this.#epoch, revision: message.revision }));
        assert.equal(digestOfAll(this.objects.values()), message.digest, 'digest of the commit');
        return;
      case 'heartbeat':
        assert.equal(message.revision, this.cursor?.revision);
        assert.equal(digestOfAll(this.objects.values()), message.digest, 'digest of the heartbeat');
        return;
      case 'goodbye':
        return;
      default:
        message satisfies never;
    }
  }
}
