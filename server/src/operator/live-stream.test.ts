import { expect, test } from 'vitest';
import { followLive } from './live-stream.ts';

const URL_OF_TEST = new URL('http://dimmer.test/live');

test('[O13] a stream that says nothing for three heartbeats is given up', async () => {
  const delays: number[] = [];
  let fire = (): void => undefined;
  const end = await followLive(
    {
      fetch: async (_url, init) => silentStream(init?.signal ?? undefined, () => fire()),
      schedule: {
        soon: () => undefined,
        every: () => () => undefined,
        after: (delayMs, run) => {
          delays.push(delayMs);
          fire = run;
          return () => undefined;
        },
      },
      interrupted: new AbortController().signal,
    },
    { url: URL_OF_TEST, key: 'dim_adm_x' },
    () => undefined,
  );
  expect(end).toMatchObject({ kind: 'lost', cause: 'the stream fell silent' });
  expect([delays[0], delays.at(-1)]).toEqual([10_000, 6_000]);
});

/** Says hello, and then nothing: the watch over it fires when the reader waits for more. */
function silentStream(signal: AbortSignal | undefined, onWaiting: () => void): Response {
  const hello =
    'event: hello\ndata: {"protocol":1,"epoch":"e","revision":1,"since":1,"heartbeatMs":2000}\n\n';
  let said = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (!said) {
          said = true;
          controller.enqueue(new TextEncoder().encode(hello));
          return;
        }
        signal?.addEventListener('abort', () => controller.error(signal.reason));
        setTimeout(onWaiting);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}
