import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { addDigests, digestOf } from '@dimmer/schema';
import { type Frame, FrameSplitter, readFrame } from '../faults/chunked-body.ts';

/** A flag whose rule has an operator that only the later server knows. */
export const FLAG_OF_TOMORROW = 'of-tomorrow';
/** What the later server has and this one does not. */
const OBJECT_OF_TOMORROW = { kind: 'audience', key: 'of-tomorrow', version: 1 };
const FIELD_OF_TOMORROW = { sinceTomorrow: { is: ['anything', 1, null] } };

/** A server as one of the next versions may be. */
export interface LaterServer {
  readonly url: string;
  /** Frames that it has added or changed. */
  readonly edited: () => number;
  /** Breaks every connection, as a restart does. */
  readonly reset: () => void;
  readonly close: () => Promise<void>;
}

/**
 * Speaks for a server of this build as one of a later version would: it adds events, fields, a kind of object, and an
 * operator in the rules of one flag. Digests count what it adds, so an SDK that loses or minds any of it is found out.
 *
 * @param url - The server behind it.
 */
export async function startLaterServer(url: string): Promise<LaterServer> {
  let edited = 0;
  const proxy = createServer((request, response) => {
    const { method = 'GET', headers } = request;
    const passed = forward(`${url}${request.url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on('error', () => response.destroy());
      if (answer.headers['content-type']?.startsWith('text/event-stream')) passStream(answer, response);
      else answer.pipe(response);
    });
    passed.on('error', () => response.destroy());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  function passStream(answer: IncomingMessage, response: ServerResponse): void {
    const frames = new FrameSplitter();
    answer.on('data', (bytes: Buffer) => {
      for (const frame of frames.push(bytes)) {
        const read = readFrame(frame);
        edited += 1;
        response.write(read === undefined ? frame : later(read).map(textOf).join(''));
      }
    });
    answer.on('end', () => response.end());
  }

  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    edited: () => edited,
    reset: () => proxy.closeAllConnections(),
    close: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        proxy.closeAllConnections();
      }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** What a later server sends in place of a frame. */
function later(frame: Frame): readonly Frame[] {
  const { event, id } = frame;
  const data: Fields = { ...(frame.data as Fields), ...FIELD_OF_TOMORROW };
  const news: Frame = { event: 'weather', id: undefined, data: { sunny: true } };
  if (event === 'hello' && data['mode'] === 'full') {
    return [{ event, id, data }, news, { event: 'put', id: undefined, data: OBJECT_OF_TOMORROW }];
  }
  if (typeof data['digest'] === 'number') {
    const digest = addDigests(data['digest'], digestOf(OBJECT_OF_TOMORROW));
    return [news, { event, id, data: { ...data, digest } }];
  }
  if (event === 'put' && data['kind'] === 'flag') return [{ event, id, data: laterFlag(data) }];
  return [{ event, id, data }];
}

function laterFlag(flag: Fields): Fields {
  const isOfTomorrow = flag['key'] === FLAG_OF_TOMORROW;
  const rules = (flag['rules'] as readonly Fields[]).map((rule) => ({
    ...rule,
    ...FIELD_OF_TOMORROW,
    ...(isOfTomorrow && { when: { attribute: 'name', op: 'soundsLike', values: ['Dimmer'] } }),
  }));
  return { ...flag, rules, fallthrough: { ...(flag['fallthrough'] as Fields), ...FIELD_OF_TOMORROW } };
}

function textOf({ event, id, data }: Frame): string {
  const first = id === undefined ? '' : `id: ${id}\n`;
  return `${first}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
