import { expect, test } from 'vitest';
import { EXIT } from './exit-code.ts';
import type { KillInput } from './kill.ts';
import { kill } from './kill.ts';
import {
  connectionFault,
  ENVIRONMENT_PATH,
  instanceView,
  problem,
  type RunSetting,
  receiptView,
  runWith,
  TEST_KEY,
} from './session.fixture.ts';

const KILL = `POST ${ENVIRONMENT_PATH}/kill`;
const RECEIPT = `GET ${ENVIRONMENT_PATH}/revisions/813/receipt`;
const killed = {
  revision: 813,
  revisions: { production: 813 },
  changed: true,
  dryRun: false,
  objects: [{ kind: 'flag', key: 'checkout-v2', before: {}, after: {} }],
  warnings: [],
};
const straggling = receiptView([instanceView('web-7')]);

function killOf(setting: RunSetting, input: Partial<KillInput> = {}) {
  return runWith(
    (session) => kill(session, { flags: ['checkout-v2'], reason: 'payments fail', ...input }),
    setting,
  );
}

test('[O6] a kill says what was done and how to prove it', async () => {
  const { exitCode, out, requests } = await killOf({ answers: { [KILL]: killed } });
  expect(exitCode).toBe(EXIT.done);
  expect(out).toEqual([
    'Killed checkout-v2 in default/production: revision 813, until restored.',
    'Who has applied it: dimmer receipt 813 --wait',
  ]);
  expect(requests).toHaveLength(1);
  expect(requests[0]?.body).toEqual({ flags: ['checkout-v2'], reason: 'payments fail' });
  expect(requests[0]?.headers.get('authorization')).toBe(`Bearer ${TEST_KEY}`);
});

test('[O6] flags, tag and expiry go into one request', async () => {
  const expiresAt = '2026-11-21T11:00:00.000Z';
  const { requests, out } = await killOf(
    { answers: { [KILL]: killed } },
    { flags: ['a', 'b'], tag: 'c', expiresAt },
  );
  expect(requests[0]?.body).toEqual({ flags: ['a', 'b'], tag: 'c', reason: 'payments fail', expiresAt });
  expect(out[0]).toMatch(/until 2026-11-21T\d\d:00:00/);
});

test('[O6] what was killed already is said to be so', async () => {
  const { exitCode, out } = await killOf({ answers: { [KILL]: { ...killed, changed: false, objects: [] } } });
  expect(exitCode).toBe(EXIT.done);
  expect(out.slice(0, 2)).toEqual([
    'Killed already in default/production; the environment is at revision 813:',
    '  checkout-v2',
  ]);
});

test('[O6] a wait ends as soon as every instance has applied it', async () => {
  const answers = { [KILL]: killed, [RECEIPT]: [straggling, receiptView()] };
  const { exitCode, out, tookMs } = await killOf({ answers }, { waitMs: 10_000 });
  expect(exitCode).toBe(EXIT.done);
  expect(tookMs).toBe(250);
  expect(out.join('\n')).toContain('Applied by 41 of 41 instances.');
});

test('[O6] a wait that is over without everybody names who is left, and what to do', async () => {
  const { exitCode, out, notes } = await killOf(
    { answers: { [KILL]: killed, [RECEIPT]: straggling } },
    { waitMs: 2_000 },
  );
  expect(exitCode).toBe(EXIT.incomplete);
  expect(out[0]).toContain('Killed checkout-v2');
  expect(out.at(-1)).toMatch(/^web-7 +node-3 +LIVE +812 +open +14 s ago$/);
  expect(notes.at(-1)).toBe(
    'The kill is committed; not everybody has applied it yet. Next: dimmer receipt 813 --wait 60s',
  );
});

test('[O7] where lines cannot be rewritten, progress is a line a second', async () => {
  const { notes } = await killOf({ answers: { [KILL]: killed, [RECEIPT]: straggling } }, { waitMs: 3_000 });
  expect(notes.filter((line) => line.startsWith('applied by'))).toEqual(
    Array.from({ length: 3 }, () => 'applied by 40 of 41, waiting for web-7 (node-3) ...'),
  );
});

test('[O7] on a terminal, progress is one line that is taken away at the end', async () => {
  const answers = { [KILL]: killed, [RECEIPT]: [straggling, receiptView()] };
  const { rewrites } = await killOf({ answers, canRewrite: true }, { waitMs: 3_000 });
  expect(rewrites).toEqual(['applied by 40 of 41, waiting for web-7 (node-3) ...', undefined]);
});

test('[O4] a kill is sent again while the server does not answer, under one Idempotency-Key', async () => {
  const answers = {
    [KILL]: [
      connectionFault('ECONNREFUSED'),
      problem(503, 'UNAVAILABLE', 'The database does not answer.'),
      new Response('bad gateway', { status: 502 }),
      killed,
    ],
  };
  const { exitCode, requests, notes } = await killOf({ answers });
  expect(exitCode).toBe(EXIT.done);
  const keys = new Set(requests.map(({ headers }) => headers.get('idempotency-key')));
  expect([requests.length, keys.size]).toEqual([4, 1]);
  expect(notes[0]).toBe('No answer: connection refused (ECONNREFUSED). Trying again for 30 s.');
});

test('[O4, O5] a server that stays away is given up after half a minute: nothing was changed', async () => {
  const { exitCode, notes, tookMs } = await killOf({ answers: { [KILL]: connectionFault('ECONNREFUSED') } });
  expect(exitCode).toBe(EXIT.unreachable);
  expect(tookMs).toBe(30_000);
  expect(notes).toContain('Nothing was changed: the kill did not reach the server.');
});

test.each([
  ['a connection that breaks', connectionFault('ECONNRESET')],
  ['a gateway that gave up', new Response('', { status: 504 })],
])('[O5] %s leaves open whether the kill was done', async (_what, answer) => {
  const { exitCode, notes } = await killOf({
    answers: { [KILL]: [answer, connectionFault('ECONNREFUSED')] },
    options: { retry: 1_000 },
  });
  expect(exitCode).toBe(EXIT.unreachable);
  expect(notes).toContain('Nobody knows whether the kill was done: the answer was lost.');
  expect(notes.join('\n')).toContain('a kill may be sent any number of times');
});

test.each([
  [401, 'UNAUTHENTICATED', EXIT.unauthorized],
  [403, 'FORBIDDEN', EXIT.unauthorized],
  [404, 'FLAG_NOT_FOUND', EXIT.failed],
  [409, 'FLAG_ARCHIVED', EXIT.failed],
])('[O2] %i %s is not tried again', async (status, code, expected) => {
  const answer = problem(status, code, 'It was refused.', 'Do this.');
  const { exitCode, requests, notes } = await killOf({ answers: { [KILL]: answer } });
  expect([exitCode, requests.length]).toEqual([expected, 1]);
  expect(notes.slice(0, 2)).toEqual([`It was refused. (${code})`, 'Do this.']);
});

test('[O8] Ctrl-C during the wait says that the kill is committed', async () => {
  const { exitCode, notes } = await killOf(
    { answers: { [KILL]: killed, [RECEIPT]: straggling }, onPause: (interrupt) => interrupt() },
    { waitMs: 10_000 },
  );
  expect(exitCode).toBe(EXIT.incomplete);
  expect(notes).toContain('Interrupted. The kill is committed: revision 813.');
});

test('[O8] Ctrl-C before the answer says that nobody knows', async () => {
  const { exitCode, notes } = await killOf({
    answers: { [KILL]: connectionFault('ECONNRESET') },
    onPause: (interrupt) => interrupt(),
  });
  expect(exitCode).toBe(EXIT.interrupted);
  expect(notes.slice(-3, -1)).toEqual([
    'Interrupted.',
    'Nobody knows whether the kill was done: the answer was lost.',
  ]);
});

test('[O6] a receipt that cannot be had changes the exit code, not the kill', async () => {
  const answers = { [KILL]: killed, [RECEIPT]: connectionFault('ECONNREFUSED') };
  const { exitCode, out, notes } = await killOf({ answers, options: { json: true } }, { waitMs: 1_000 });
  expect(exitCode).toBe(EXIT.incomplete);
  expect(JSON.parse(out.join(''))).toEqual(killed);
  expect(notes.at(-1)).toContain('The kill is committed; who has applied it is not known.');
});

test('[O3] with --json the answer is that of the API with `wait`, and nothing else', async () => {
  const answers = { [KILL]: killed, [RECEIPT]: receiptView() };
  const { out } = await killOf({ answers, options: { json: true } }, { waitMs: 1_000 });
  expect(JSON.parse(out.join(''))).toEqual({ ...killed, receipt: receiptView() });
});
