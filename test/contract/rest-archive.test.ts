import type { Storage } from '@dimmer/server';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { batchOf } from '../../server/src/storage/counted-batch.fixture.ts';
import type { RestHarness } from './rest-harness.ts';
import { openRest, PRODUCTION, PROJECT } from './rest-harness.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const FLAG = `${PROJECT}/flags/checkout`;

/** What a read of totals does, as a test says. */
let totals: 'answers' | 'fails' | 'is silent';
let rest: RestHarness;
let batches = 0;

beforeEach(async () => {
  totals = 'answers';
  rest = await openRest(withTotals);
  await rest.ask(`POST ${PROJECT}/flags`, { json: { key: 'checkout' } });
});
afterEach(() => rest.close());

function withTotals(storage: Storage): Storage {
  const { exposures } = storage;
  const judged: Storage['exposures'] = {
    add: (counts) => exposures.add(counts),
    read: (query) => exposures.read(query),
    prune: (before) => exposures.prune(before),
    pruneBatches: (policy) => exposures.pruneBatches(policy),
    totals: async (query) => {
      if (totals === 'is silent') return new Promise(() => {});
      if (totals === 'fails') throw new Error('the database cannot read');
      return exposures.totals(query);
    },
  };
  return new Proxy(storage, {
    get: (target, name) => {
      const value: unknown = name === 'exposures' ? judged : Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Evaluations of the flag so long ago. */
function evaluated(agoMs: number, count: number, fields: object = {}): Promise<unknown> {
  const minute = rest.clock.now() - agoMs;
  const here = { project: 'default', environment: 'production', flag: 'checkout' };
  const answer = { variation: 'on', reason: 'SPLIT', source: 'server' as const };
  batches += 1;
  return rest.storage.exposures.add(
    batchOf(`batch ${batches}`, [
      { ...here, ...answer, minute: minute - (minute % MINUTE_MS), count, ...fields },
    ]),
  );
}

test('[C19] archiving a flag that was evaluated lately warns, with where, when, how often and what (BAD-5)', async () => {
  await evaluated(7 * DAY_MS - MINUTE_MS, 4, { variation: 'off' });
  await evaluated(8 * DAY_MS, 1_000);
  await evaluated(5 * MINUTE_MS, 1_200);
  await evaluated(DAY_MS, 3, { environment: 'staging', variation: null });
  await evaluated(2 * DAY_MS, 30, { source: 'client' });
  const archived = await rest.ask(`DELETE ${FLAG}`);
  expect(archived.status).toBe(200);
  expect(archived.body.warnings).toEqual([
    {
      flag: 'checkout',
      rule: 'EVALUATED_LATELY',
      message:
        'was evaluated in production 1234 times in the last 7 days, last in the minute of 2026-11-21T08:55:00.000Z: ' +
        '"on" 1200, "on" 30 (told by client keys), "off" 4',
    },
    {
      flag: 'checkout',
      rule: 'EVALUATED_LATELY',
      message:
        'was evaluated in staging 3 times in the last 7 days, last in the minute of 2026-11-20T09:00:00.000Z: no variation 3',
    },
  ]);
  expect((await rest.ask(`DELETE ${FLAG}`)).body.warnings).toEqual([]);
});

test('[C19] a flag that nobody evaluated for a week is archived without a word', async () => {
  await evaluated(8 * DAY_MS, 1_000);
  expect((await rest.ask(`DELETE ${FLAG}`)).body).toMatchObject({ flag: { key: 'checkout' }, warnings: [] });
});

const rules = [{ flag: 'checkout', rule: 'EVALUATED_LATELY' }];
const edits = (...list: readonly object[]) => ({ json: { edits: list } });

test.each([
  ['a patch', `PATCH ${FLAG}`, { json: { archived: true } }],
  ['a change set', `POST ${PRODUCTION}/changes`, edits({ edit: 'archiveFlag', key: 'checkout' })],
  [
    'a patch within a change set',
    `POST ${PRODUCTION}/changes`,
    edits({ edit: 'patchFlag', key: 'checkout', patch: { archived: true } }),
  ],
  [
    'a declared state',
    `PUT ${PRODUCTION}/state?dryRun=true`,
    { json: { flags: [{ key: 'checkout', archived: true, configuration: null }] } },
  ],
])('[C19] %s that archives warns alike', async (_, route, ask) => {
  await evaluated(MINUTE_MS, 2);
  const answer = await rest.ask(route, ask);
  expect(answer.status).toBe(200);
  expect(answer.body.warnings).toMatchObject(rules);
});

test('[C19] a write that archives nothing warns of nothing', async () => {
  await evaluated(MINUTE_MS, 2);
  expect((await rest.ask(`PATCH ${FLAG}`, { json: { owner: 'us' } })).body.warnings).toEqual([]);
  expect((await rest.ask(`PATCH ${FLAG}`, { json: { archived: false } })).body.warnings).toEqual([]);
});

test.each(['fails', 'is silent'] as const)(
  '[C19] where the read of exposures %s, archiving goes on',
  async (how) => {
    totals = how;
    const archived = await rest.ask(`DELETE ${FLAG}`);
    expect(archived).toMatchObject({ status: 200, body: { flag: { archivedAt: expect.any(String) } } });
    expect(archived.body.warnings).toMatchObject([{ flag: 'checkout', rule: 'EVALUATIONS_UNKNOWN' }]);
  },
);
