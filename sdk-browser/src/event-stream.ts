import type { StreamEnd, StreamTransport } from '@dimmer/follower';
import { formatCursor } from '@dimmer/schema';
import { eventReader } from './event-reader.ts';
import type { Question } from './server.ts';
import { endOf, problemOf } from './server.ts';

/** Characters of one message of the stream. A longer one ends it. */
const MESSAGE_CHARACTERS_MAX = 2_097_152;

/** Opens `POST /client/v1/stream`. @param isOn - Otherwise it ends as where a server has no streams: the follower polls. */
export function eventStream({ post, headers, who, current }: Question, isOn: boolean): StreamTransport {
  return {
    open(cursor, sink) {
      const stop = new AbortController();
      const { signal } = stop;
      const since = cursor && { since: formatCursor(cursor), digest: current()?.digest };

      // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: outside of `open` it takes ten bytes more of the core.
      async function read(): Promise<StreamEnd> {
        if (!isOn) return { message: 'streaming is off', status: 204 };
        const response = await post('stream', { ...who, ...since }, { headers, signal });
        const isStream = response.headers.get('content-type')?.startsWith('text/event-stream');
        if (!response.ok || !isStream || !response.body) return endOf(response);
        const take = eventReader(sink);
        // The decoder takes a byte order mark away.
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return { message: 'the stream ended' };
          if (take(value) > MESSAGE_CHARACTERS_MAX) return { message: 'a message is too long' };
        }
      }

      read()
        .catch((error: unknown): StreamEnd => ({ message: problemOf(error) }))
        .then((end) => {
          if (signal.aborted) return;
          stop.abort();
          sink.ended(end);
        });
      return () => stop.abort();
    },
  };
}
