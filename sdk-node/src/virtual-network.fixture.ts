import type { WireObject } from '@dimmer/schema';
import { digestOfAll } from '@dimmer/schema';
import type { Platform } from './platform.ts';
import { systemPlatform } from './platform.ts';
import { VirtualClock } from './virtual-clock.fixture.ts';

/** A request as the network sees it. */
export interface VirtualRequest {
  readonly path: string;
  readonly at: number;
}

/** A platform without real time, and a network that answers as a test says. */
export class VirtualNetwork {
  readonly clock = new VirtualClock();
  readonly requests: VirtualRequest[] = [];
  readonly platform: Platform;
  /** What the next requests get; an error is a network that fails. */
  answer: (path: string) => Response | Error = () => new TypeError('fetch failed');
  #cuts: (() => void)[] = [];

  /** @param random - Where chance comes from. */
  constructor(random: () => number) {
    const { clock } = this;
    this.platform = { ...systemPlatform, clock, random, wallNow: clock.now, emitWarning: () => undefined };
  }

  readonly fetch: typeof globalThis.fetch = async (input) => {
    const path = new URL(String(input)).pathname;
    this.requests.push({ path, at: this.clock.now() });
    const answer = this.answer(path);
    if (answer instanceof Error) throw answer;
    return answer;
  };

  /** A stream that brings everything and then says nothing. */
  stream(revision: number, objects: readonly WireObject[]): Response {
    const frames = [
      frame('hello', { protocol: 1, epoch: 'e1', revision, mode: 'full', heartbeatMs: 15_000 }),
      ...objects.map((object) => frame('put', object)),
      frame('commit', { revision, digest: digestOfAll(objects), committedAt: new Date(0).toISOString() }),
    ];
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode(frames.join('')));
        this.#cuts.push(() => controller.error(new TypeError('terminated')));
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  }

  /** Cuts every stream. */
  cut(): void {
    for (const cut of this.#cuts.splice(0)) cut();
  }
}

function frame(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
