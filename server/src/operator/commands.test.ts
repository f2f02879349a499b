import type { ChangeView } from '@dimmer/schema/rest';
import { expect, test } from 'vitest';
import { EXIT } from './exit-code.ts';
import { history } from './history.ts';
import { instances } from './instances.ts';
import { receipt } from './receipt.ts';
import { restore } from './restore.ts';
import { revert } from './revert.ts';
import type { Run, RunSetting } from './session.fixture.ts';
import {
  configurationView,
  ENVIRONMENT_PATH,
  instanceView,
  problem,
  receiptView,
  runWith,
} from './session.fixture.ts';
import { status } from './status.ts';
import { LINE_WIDTH } from './table.ts';

const FLAG = `${ENVIRONMENT_PATH}/flags/checkout-v2`;
const CHANGES = `GET ${ENVIRONMENT_PATH}/revisions?limit=1&flag=checkout-v2`;
const RECEIPT = `GET ${ENVIRONMENT_PATH}/revisions/813/receipt`;
const EXPOSURES = `GET ${FLAG}/exposures?minutes=5`;
const change: ChangeView = {
  revision: 813,
  at: '2026-11-21T09:00:00.000Z',
  actor: 'night shift',
  action: 'flag.kill',
  reason: 'payments fail for everybody who pays by card, and support is flooded with calls about it',
  kill: true,
  objects: [{ kind: 'flag', key: 'checkout-v2', before: {}, after: {} }],
};
const exposures = {
  flag: 'checkout-v2',
  environment: 'production',
  from: '2026-11-21T08:55:00.000Z',
  to: '2026-11-21T09:00:00.000Z',
  totals: [
    { variation: 'on', reason: 'SPLIT', count: 250 },
    { variation: 'off', reason: 'KILLED', count: 750 },
  ],
  minutes: [],
};
const killedFlag = configurationView({
  kill: { reason: 'payments fail', by: 'night shift', at: '2026-11-21T09:00:00.000Z' },
  rules: [{ id: 'nordics', when: { segment: 'beta' }, serve: { variation: 'on' } }],
});
const statusAnswers = {
  [`GET ${FLAG}`]: killedFlag,
  [CHANGES]: { items: [change] },
  [RECEIPT]: receiptView([instanceView('web-7')]),
  [EXPOSURES]: exposures,
  [`GET ${ENVIRONMENT_PATH}/held-kills`]: { server: 'flags-1', streams: 12, items: [] },
};

test('[O12] status tells configuration, kill, last change, instances and what was served', async () => {
  const { exitCode, out } = await runWith((session) => status(session, 'checkout-v2'), {
    answers: statusAnswers,
  });
  expect(exitCode).toBe(EXIT.done);
  expect(out[0]).toBe('checkout-v2 in default/production, revision 813');
  const text = out.join('\n');
  expect(text).toMatch(/^killed +YES since 2026-11-21T\S+ by "night shift": payments fail$/m);
  expect(text).toMatch(/^rule +nordics -> on$/m);
  expect(text).toMatch(
    /^changed +2026-11-21T\S+ \(revision 813\): flag\.kill of checkout-v2 by "night shift"/m,
  );
  expect(text).toMatch(/^instances +revision 813: applied by 40 of 41, waiting for web-7 \(node-3\)$/m);
  expect(text).toMatch(/^ +750 +75\.0 % {2}off \(KILLED\)\n +250 +25\.0 % {2}on \(SPLIT\)$/m);
  for (const line of out) expect(line.length).toBeLessThanOrEqual(LINE_WIDTH);
});

test('[O3, O12] status as JSON has the answers as they came', async () => {
  const { out } = await runWith((session) => status(session, 'checkout-v2'), {
    answers: { ...statusAnswers, [RECEIPT]: problem(404, 'REVISION_NOT_FOUND', 'Gone.') },
    options: { json: true },
  });
  const shown = { configuration: killedFlag, change, receipt: null, exposures, held: null };
  expect(JSON.parse(out.join(''))).toEqual(shown);
});

test('[O3] instances come from all pages', async () => {
  const answers = {
    [`GET ${ENVIRONMENT_PATH}/instances?limit=500`]: { items: [instanceView('web-1')], next: 'a b' },
    [`GET ${ENVIRONMENT_PATH}/instances?limit=500&cursor=a+b`]: {
      items: [instanceView('web-2', { revision: 813 })],
    },
    [`GET ${ENVIRONMENT_PATH}`]: { revision: 813 },
  };
  const text = await runWith(instances, { answers });
  expect(text.out[0]).toBe('2 instances in default/production, 1 of them at revision 813.');
  expect(text.out.slice(3).map((line) => line.slice(0, 5))).toEqual(['web-1', 'web-2']);
  const json = await runWith(instances, { answers, options: { json: true } });
  expect(JSON.parse(json.out.join('')).items).toHaveLength(2);
});

test('[R14] the refusal that an instance has not got over is named', async () => {
  const problem = { code: 'MALFORMED', epoch: 'k3v9', from: 812, revision: 813, message: '', at: '' };
  const { out } = await runWith(instances, {
    answers: {
      [`GET ${ENVIRONMENT_PATH}/instances?limit=500`]: {
        items: [
          instanceView('web-1', { problems: [problem] }),
          instanceView('web-2', { revision: 813, problems: [problem] }),
        ],
      },
      [`GET ${ENVIRONMENT_PATH}`]: { revision: 813 },
    },
  });
  expect(out.slice(3).map((line) => line.includes('MALFORMED 813'))).toEqual([true, false]);
});

test.each([
  [[], EXIT.done, 'Nobody has served the old value since'],
  [[instanceView('web-7')], EXIT.incomplete, 'Applied by 40 of 41 instances.'],
])('[O15] a receipt of head, with %j left', async (stragglers, expected, line) => {
  const { exitCode, out } = await runWith((session) => receipt(session, {}), {
    answers: { [`GET ${ENVIRONMENT_PATH}`]: { revision: 813 }, [RECEIPT]: receiptView(stragglers) },
  });
  expect(exitCode).toBe(expected);
  expect(out.join('\n')).toContain(line);
});

test('[O15] a receipt without any instance says that it proves nothing', async () => {
  const nobody = { ...receiptView(), instances: 0, applied: 0, latency: null };
  const { out } = await runWith((session) => receipt(session, { revision: 813 }), {
    answers: { [RECEIPT]: nobody },
  });
  expect(out[1]).toBe('No running SDK is known to the server, so nobody can prove it.');
});

const commit = {
  revision: 814,
  revisions: { production: 814 },
  changed: true,
  dryRun: true,
  objects: [
    {
      kind: 'flag',
      key: 'checkout-v2',
      before: { enabled: true, rules: [{ id: 'a', n: 1 }], fallthrough: { weights: { on: 50, off: 50 } } },
      after: {
        enabled: true,
        rules: [
          { id: 'b', n: 1 },
          { id: 'a', n: 2 },
        ],
        fallthrough: { weights: { on: 10, off: 90 } },
      },
    },
    { kind: 'segment', key: 'beta', before: {}, after: null },
  ],
  warnings: [{ flag: 'checkout-v2', rule: 'kill-stays', message: 'stays killed' }],
};

function revertOf(
  answer: object,
  input: Partial<Parameters<typeof revert>[1]> = {},
  setting: RunSetting = {},
): Promise<Run> {
  return runWith((session) => revert(session, { to: 812, dryRun: true, includeKills: false, ...input }), {
    ...setting,
    answers: { [`POST ${ENVIRONMENT_PATH}/revert`]: answer },
  });
}

test('[O11] a dry run shows each value that would change, by the ids of rules', async () => {
  const { out, requests } = await revertOf(commit);
  expect(requests[0]?.body).toEqual({ to: 812, dryRun: true, includeKills: false });
  expect(out).toEqual([
    'Reverting default/production to revision 812 would change 2 objects. Nothing was written.',
    '',
    'flag checkout-v2',
    '  rules.a.n: 1 -> 2',
    '  rules.b: none -> {"id":"b","n":1}',
    '  fallthrough.weights.on: 50 -> 10',
    '  fallthrough.weights.off: 50 -> 90',
    'segment beta: leaves the environment',
    'Warning: checkout-v2: stays killed',
    '',
    'To do it, leave --dry-run out and give a --reason.',
  ]);
});

test('[O11] a revert tells its revision; one that changes nothing says so', async () => {
  const done = await revertOf(
    { ...commit, dryRun: false },
    { dryRun: false, flags: ['checkout-v2'], reason: 'back' },
  );
  expect(done.out[0]).toBe('Reverted default/production to revision 812: 2 objects changed, revision 814.');
  const nothing = await revertOf({ ...commit, changed: false, objects: [], warnings: [] });
  expect(nothing.out).toEqual(['default/production is as it was at revision 812: nothing to revert.']);
});

test('[O6] a restore says what counts again', async () => {
  const answers = { [`POST ${FLAG}/restore`]: configurationView() };
  const { out, requests } = await runWith(
    (session) => restore(session, { flag: 'checkout-v2', reason: 'fixed' }),
    { answers },
  );
  expect(requests[0]?.body).toEqual({ reason: 'fixed' });
  expect(out[0]).toBe('checkout-v2 in default/production is not killed; it last changed in revision 813.');
});

test('[O9] history fits the line, and says that there is more', async () => {
  const answers = { [`GET ${ENVIRONMENT_PATH}/revisions?limit=20`]: { items: [change], next: 'x' } };
  const { out } = await runWith((session) => history(session, {}), { answers });
  for (const line of out) expect(line.length).toBeLessThanOrEqual(LINE_WIDTH);
  expect(out[1]).toMatch(/^ +813 {2}2026-11-21T\S+ +night shift +flag\.kill +checkout-v2 +payments fail.*…$/);
  expect(out.at(-1)).toBe('There is more: --limit');
});

test('[O2] an answer that is not of this API is a failure with a remedy', async () => {
  const odd = await runWith((session) => history(session, {}), {
    answers: { [`GET ${ENVIRONMENT_PATH}/revisions?limit=20`]: { hello: 'world' } },
  });
  expect([odd.exitCode, odd.notes.length]).toEqual([EXIT.failed, 2]);
  const page = await runWith((session) => history(session, {}), {
    answers: { [`GET ${ENVIRONMENT_PATH}/revisions?limit=20`]: new Response('<html>', { status: 200 }) },
  });
  expect(page.exitCode).toBe(EXIT.failed);
  expect(page.notes[0]).toContain('answered 200, and not as Dimmer does');
});
