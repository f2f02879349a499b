import { problemOf } from './problem-of.ts';

/** What a person has to correct, by what went wrong: Node's codes, and its words where the code says too little. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [/ENOTFOUND|EAI_AGAIN/, 'check the host name in `url`'],
  [/ECONNREFUSED/, 'check host and port in `url`'],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/,
    'correct its certificate, or let Node trust it with NODE_EXTRA_CA_CERTS',
  ],
  [/ERR_SSL_|EPROTO|secure TLS connection/, 'check that `url` leads to a port that speaks TLS'],
];

/**
 * Why a request got no answer, in one line, with the code of it and what a person has to correct. `fetch` of Node says
 * only that it failed; its cause says why.
 *
 * @example
 * reachProblem(error) // 'the server was not reached: getaddrinfo ENOTFOUND flags.example; check the host name in `url`'
 */
export function reachProblem(error: unknown): string {
  const root = rootOf(error);
  const [said, code] = [wordsOf(root), partOf(root, 'code') ?? ''];
  const named = said.includes(code) ? said : `${said} (${code})`;
  const remedy = REMEDIES.find(([what]) => what.test(named))?.[1];
  return `the server was not reached: ${named}${remedy === undefined ? '' : `; ${remedy}`}`;
}

/** What began it. Of several addresses of one name that all failed, the first. */
function rootOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  return inner instanceof Error ? rootOf(inner) : error;
}

/** OpenSSL puts its own lines of code into the message, and what is wrong into the reason. */
function wordsOf(error: unknown): string {
  return partOf(error, 'reason') ?? problemOf(error);
}

function partOf(error: unknown, name: 'code' | 'reason'): string | undefined {
  const part: unknown = error instanceof Error ? Reflect.get(error, name) : undefined;
  return typeof part === 'string' ? part : undefined;
}
