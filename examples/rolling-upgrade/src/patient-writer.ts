import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Send } from '../../../test/faults/traffic.ts';

/** How long one write is tried, in milliseconds. */
const TRIED_FOR_MS = 60_000;
/** An attempt without an answer is given up, in milliseconds. */
const ATTEMPT_TIMEOUT_MS = 5_000;
/** Between two attempts where no `Retry-After` says how long, in milliseconds. */
const PAUSE_MS = 200;

/** What writers were told, by status; 0 stands for no answer. */
export type Answers = ReadonlyMap<number, number>;

/** A client that does what the guide asks of it: the same `Idempotency-Key` at every attempt, until there is an answer. */
export interface PatientWriter {
  readonly send: Send;
  readonly answers: Answers;
  /** Answers of 503 that did not say when to come back. */
  readonly withoutRetryAfter: number;
}

export function patientWriter(): PatientWriter {
  const answers = new Map<number, number>();
  let withoutRetryAfter = 0;

  async function attempt(url: string, init: RequestInit): Promise<Response | undefined> {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS) }).catch(
      () => undefined,
    );
    const status = response?.status ?? 0;
    answers.set(status, (answers.get(status) ?? 0) + 1);
    if (status === 503 && !response?.headers.has('retry-after')) withoutRetryAfter += 1;
    return response;
  }

  return {
    answers,
    get withoutRetryAfter() {
      return withoutRetryAfter;
    },
    async send(server, method, path, body) {
      const init: RequestInit = {
        method,
        headers: {
          authorization: `Bearer ${server.adminKey}`,
          'content-type': 'application/json',
          'idempotency-key': randomUUID(),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      };
      const until = Date.now() + TRIED_FOR_MS;
      for (;;) {
        const response = await attempt(server.url + path, init);
        if (response !== undefined && response.status < 500) return response;
        if (Date.now() > until) throw new Error(`${method} ${path} had no answer within ${TRIED_FOR_MS} ms`);
        await response?.body?.cancel();
        await sleep(PAUSE_MS);
      }
    },
  };
}
