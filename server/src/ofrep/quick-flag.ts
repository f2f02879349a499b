import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KeyKind } from '../access/authenticate.ts';
import type { Identify } from '../access/guard.ts';
import { environmentOf } from '../access/guard.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { MIN_REVISION_HEADER } from '../delivery/min-revision.ts';
import { isPlainBody } from '../evaluation/client-context.ts';
import type { Quick } from '../platform/listen.ts';
import type { EncodedAnswer, EncodedAnswers } from './encoded-answers.ts';
import { plainContextOf } from './ofrep-request.ts';

export interface QuickFlagPorts {
  readonly identify: Identify;
  readonly delivery: Pick<Delivery, 'ruleset'>;
  readonly encode: EncodedAnswers;
  /** Names a request. */
  readonly newId: () => string;
  /** Whether somebody wants to see a request with this `traceparent` traced: the ordinary way does that. */
  readonly isTraced: (traceparent: string | undefined) => boolean;
  /** Told of every request that was answered here. */
  readonly onAnswered: (requestId: string, durationMs: number) => void;
  readonly now: () => number;
}

const PREFIX = '/ofrep/v1/evaluate/flags/';

/** How the log and the metrics name what is answered here: as the ordinary way does. */
export const QUICK_REQUEST = { method: 'POST', route: `${PREFIX}:key{.+}`, status: 200 } as const;

const SERVER_KEYS: readonly KeyKind[] = ['server'];

/** Bytes of a body that are read here; a larger one takes the ordinary way. */
const BODY_BYTES_MAX = 16_384;

/**
 * The short way of the commonest request: one flag, a server key, a good answer. It writes to Node's response itself,
 * which is what makes an evaluation cost little more than the request that carries it (`npm run bench:ofrep`).
 * Whatever is not so plain takes the ordinary way, with the body that was read: this knows no refusal.
 */
export function quickFlag(ports: QuickFlagPorts): Quick {
  return (incoming, outgoing, otherwise) => {
    if (!isPlain(incoming) || ports.isTraced(traceparentOf(incoming))) return otherwise();
    const startedAt = ports.now();
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.once('end', () => {
      const [first = Buffer.alloc(0)] = chunks;
      const body = chunks.length > 1 ? Buffer.concat(chunks) : first;
      answerTo(incoming, body, ports).then(
        (answer) => {
          if (answer?.status !== 200) return otherwise(body);
          const id = ports.newId();
          write(outgoing, answer, id);
          ports.onAnswered(id, ports.now() - startedAt);
        },
        () => otherwise(body),
      );
    });
  };
}

function isPlain({ method, url = '', headers }: IncomingMessage): boolean {
  const isFlag =
    method === 'POST' && url.startsWith(PREFIX) && /^[A-Za-z0-9._-]+$/.test(url.slice(PREFIX.length));
  const isProgram = headers.origin === undefined && headers['x-request-id'] === undefined;
  if (headers[MIN_REVISION_HEADER] !== undefined) return false;
  return isFlag && isProgram && Number(headers['content-length']) <= BODY_BYTES_MAX;
}

function traceparentOf({ headers }: IncomingMessage): string | undefined {
  const { traceparent } = headers;
  return typeof traceparent === 'string' ? traceparent : undefined;
}

async function answerTo(
  { url = '', headers }: IncomingMessage,
  body: Buffer,
  { identify, delivery, encode }: QuickFlagPorts,
): Promise<EncodedAnswer | undefined> {
  if (!isPlainBody(body)) return undefined;
  const key = await identify(headers.authorization, SERVER_KEYS);
  if (!key.ok) return undefined;
  const context = plainContextOf(body);
  if (!context.ok) return undefined;
  const at = await delivery.ruleset(environmentOf(key.value), 0);
  const flag = at?.ruleset.flags.get(url.slice(PREFIX.length));
  return flag && encode(flag, flag.evaluate(context.value));
}

function write(outgoing: ServerResponse, { body }: EncodedAnswer, requestId: string): void {
  outgoing.writeHead(200, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
    'x-request-id': requestId,
  });
  outgoing.end(body);
}
