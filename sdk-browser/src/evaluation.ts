import type { PollAnswer, Polls, SnapshotTransport, StreamEnd } from '@dimmer/follower';
import { pollsOf, snapshotOf } from '@dimmer/follower';
import type { Cursor, ValueObject } from '@dimmer/schema';
import { decodeValueSnapshot, formatCursor } from '@dimmer/schema';
import type { Question } from './server.ts';
import { endOf, problemOf } from './server.ts';

/** Polls `POST /client/v1/evaluate`. On its own, because no page needs it before its stream has had its chance. */
export function polls(question: Question): Polls<ValueObject> {
  return pollsOf(evaluation(question));
}

function evaluation({ post, headers, who }: Question): SnapshotTransport<ValueObject> {
  // The server names the context in its answers; with that, a later question names what is here.
  let contextName = '';

  async function ask(cursor: Cursor | undefined, signal: AbortSignal): Promise<PollAnswer<ValueObject>> {
    const known = cursor && contextName && { 'if-none-match': `"${formatCursor(cursor)}:${contextName}` };
    const response = await post('evaluate', who, { headers: { ...headers, ...known }, signal });
    contextName = response.headers.get('etag')?.split(':')[2] ?? contextName;
    if (response.status === 304) return { outcome: 'unchanged', ageMs: 0 };
    if (!response.ok) return { outcome: 'failed', end: endOf(response) };
    const decoded = decodeValueSnapshot(await response.json());
    const snapshot = decoded.outcome === 'decoded' ? snapshotOf(decoded.value) : undefined;
    return snapshot ? { outcome: 'snapshot', snapshot, ageMs: 0 } : { outcome: 'failed', end: USELESS };
  }

  return {
    ask: (cursor, answered) => {
      const stop = new AbortController();
      const tell = (answer: PollAnswer<ValueObject>): void => {
        if (!stop.signal.aborted) answered(answer);
      };
      ask(cursor, stop.signal).then(tell, (error: unknown) =>
        tell({ outcome: 'failed', end: { message: problemOf(error) } }),
      );
      return () => stop.abort();
    },
  };
}

const USELESS: StreamEnd = { message: 'the answer is of no use', status: 200 };
