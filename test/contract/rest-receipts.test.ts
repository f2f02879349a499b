import { gzipSync } from 'node:zlib';
import { REPORT_LIMITS } from '@dimmer/schema';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Answer, Ask, RestHarness } from './rest-harness.ts';
import { ADMIN, CLIENT, openRest, PRODUCTION, PROJECT, problemOf, SERVER } from './rest-harness.ts';

let rest: RestHarness;
beforeEach(async () => {
  rest = await openRest();
  await rest.ask(`POST ${PROJECT}/flags`, { json: { key: 'checkout-v2' } });
});
afterEach(() => rest.close());

test('[R5] a receipt tells who has applied a revision and who has not', async () => {
  await reportOf('a', { revision: 1 });
  await reportOf('b', { revision: 1 });
  const { revision } = (await kill()).body;
  rest.clock.set(rest.clock.now() + 40);
  await reportOf('a', { revision }, { applied: [step(revision, 15)] });
  expect((await rest.ask(`GET ${PRODUCTION}/revisions/${revision}/receipt`)).body).toMatchObject({
    revision,
    instances: 2,
    applied: 1,
    complete: false,
    latency: { count: 1, p50Ms: 25, maxMs: 25 },
    oldServedUntil: null,
    stragglers: [{ id: 'b', state: 'LIVE', revision: 1 }],
    stragglersOmitted: 0,
  });
});

test('[R6] a kill with wait has the receipt of its revision, and without it none', async () => {
  expect((await kill()).body).not.toHaveProperty('receipt');
  const again = await kill('?wait=5000');
  expect(again.body).toMatchObject({
    flag: 'checkout-v2',
    receipt: { revision: again.body.version, complete: true, instances: 0 },
  });
  await reportOf('a', { revision: 0 });
  expect((await kill('?wait=120')).body.receipt).toMatchObject({ complete: false, instances: 1 });
  const many = await rest.ask(`POST ${PRODUCTION}/kill?wait=0`, {
    json: { flags: ['checkout-v2'], reason: 'other' },
  });
  expect(many.body.receipt).toMatchObject({ revision: many.body.revision, applied: 0 });
});

test('[R6] the longest wait is 30 seconds', async () => {
  expect(problemOf(await kill('?wait=30001')).code).toBe('INVALID_REQUEST');
});

test('[R12] what is outside the history has no receipt', async () => {
  for (const revision of ['0', '999', 'latest', '1.5']) {
    const answer = await rest.ask(`GET ${PRODUCTION}/revisions/${revision}/receipt`);
    expect([revision, problemOf(answer).code]).toEqual([revision, 'REVISION_NOT_FOUND']);
  }
});

test('[R12] instances, receipts and exposures are for admin keys, reports for server keys', async () => {
  for (const path of ['instances', 'revisions/1/receipt', 'flags/checkout-v2/exposures']) {
    const refused = await rest.ask(`GET ${PRODUCTION}/${path}`, { key: SERVER });
    expect(problemOf(refused).code).toBe('WRONG_KEY_KIND');
    expect((await rest.ask(`GET ${PRODUCTION}/${path}`)).status).toBe(200);
  }
  for (const key of [ADMIN, CLIENT]) {
    expect(problemOf(await rest.ask('POST /sdk/v1/report', { key, json: {} })).code).toBe('WRONG_KEY_KIND');
  }
});

test('[R3] instances are listed by id, with what they told, and page', async () => {
  await reportOf('b', { revision: 1 }, {}, { application: { name: 'shop', build: '42' }, host: 'web-1' });
  await reportOf('a', { revision: 1 });
  const first = (await rest.ask(`GET ${PRODUCTION}/instances?limit=1`)).body;
  expect(first.items).toMatchObject([{ id: 'a', application: { name: null, build: null } }]);
  const second = (await rest.ask(`GET ${PRODUCTION}/instances?limit=1&cursor=${first.next}`)).body;
  expect(second.items).toMatchObject([
    { id: 'b', application: { name: 'shop', build: '42' }, host: 'web-1', connected: false },
  ]);
  await reportOf('a', { state: 'CLOSED' });
  expect((await rest.ask(`GET ${PRODUCTION}/instances`)).body.items).toHaveLength(1);
});

test('[R14] what an instance refused is shown with it and with the receipt, and counted by code', async () => {
  const { revision } = (await kill()).body;
  const refused = {
    code: 'DIGEST_MISMATCH',
    epoch: 'e1',
    from: 1,
    revision,
    message: 'it differs',
    agoMs: 0,
  };
  const problems = [refused, { ...refused, code: 'OF_LATER' }, { ...refused, agoMs: 'soon' }];
  await reportOf('a', { revision: 1 }, { problems });
  const shown = [
    { code: 'DIGEST_MISMATCH', epoch: 'e1', from: 1, revision, message: 'it differs' },
    { code: 'OF_LATER' },
  ];
  const [instance] = (await rest.ask(`GET ${PRODUCTION}/instances`)).body.items;
  expect(instance.problems).toHaveLength(2);
  expect(instance.problems).toMatchObject(shown);
  const receipt = (await rest.ask(`GET ${PRODUCTION}/revisions/${revision}/receipt`)).body;
  expect(receipt.stragglers).toMatchObject([{ id: 'a', problems: shown }]);
  const metrics = String((await rest.ask('GET /metrics')).body);
  expect(metrics).toContain('dimmer_update_problems_total{code="DIGEST_MISMATCH"} 1');
  expect(metrics).toContain('dimmer_update_problems_total{code="OTHER"} 1');
});

test('[R2, R9, R10] a batch that comes twice is counted once, by minute and in all', async () => {
  const exposures = [exposure('on', 'SPLIT', 30), exposure('off', 'SPLIT', 70), exposure('on', 'SPLIT', 5)];
  const batch = { id: 'b1', exposures, events: [], dropped: { exposures: 0, events: 0 } };
  await reportOf('a', {}, { batch });
  await reportOf('a', {}, { batch });
  await rest.app.close();
  const counted = (await rest.ask(`GET ${PRODUCTION}/flags/checkout-v2/exposures?minutes=5`)).body;
  expect(counted.totals).toEqual([
    { variation: 'off', reason: 'SPLIT', source: 'server', count: 70 },
    { variation: 'on', reason: 'SPLIT', source: 'server', count: 35 },
  ]);
  expect(counted.minutes).toHaveLength(2);
  expect(Date.parse(counted.to) - Date.parse(counted.from)).toBe(300_000);
});

test('[R1] unknown fields and entries that cannot be read are passed over, the rest counts', async () => {
  const batch = {
    id: 'b1',
    exposures: [exposure('on', 'SPLIT', 1), { flag: 7 }, null, exposure('on', 'SPLIT', -1)],
    later: 'more',
  };
  const applied = [{ odd: true }, step(1, 0)];
  expect((await reportOf('a', { later: 1 }, { batch, applied, later: {} })).status).toBe(202);
  await rest.app.close();
  const counted = (await rest.ask(`GET ${PRODUCTION}/flags/checkout-v2/exposures`)).body;
  expect(counted.totals).toEqual([{ variation: 'on', reason: 'SPLIT', source: 'server', count: 1 }]);
});

test('[R1] a report comes plain or with gzip, and answers with the time', async () => {
  const packed = await sendText(new Uint8Array(gzipSync(JSON.stringify(aReport('a')))), {
    'content-encoding': 'gzip',
  });
  expect([packed.status, packed.body]).toEqual([202, { now: rest.clock.now() }]);
  expect((await sendText(JSON.stringify(aReport('b')))).status).toBe(202);
  expect((await rest.ask(`GET ${PRODUCTION}/instances`)).body.items).toHaveLength(2);
});

test('[R1] what is too large, even once unpacked, or no report is refused', async () => {
  const bomb = new Uint8Array(gzipSync(Buffer.alloc(REPORT_LIMITS.bodyBytes + 1, 0x20)));
  const gzip = { 'content-encoding': 'gzip' };
  expect(problemOf(await sendText(bomb, gzip)).code).toBe('BODY_TOO_LARGE');
  expect(problemOf(await sendText(Buffer.alloc(REPORT_LIMITS.wireBytes + 1), gzip)).code).toBe(
    'BODY_TOO_LARGE',
  );
  expect(problemOf(await sendText(' '.repeat(REPORT_LIMITS.bodyBytes + 1))).code).toBe('BODY_TOO_LARGE');
  expect(problemOf(await sendText('{}', gzip)).code).toBe('INVALID_JSON');
  expect(problemOf(await sendText('{}', { 'content-encoding': 'br' })).code).toBe('UNSUPPORTED_MEDIA_TYPE');
  expect(problemOf(await sendText('[')).code).toBe('INVALID_JSON');
  const faults = problemOf(await sendText(JSON.stringify({ ...aReport('a b') })));
  expect([faults.code, faults.issues?.map(({ path }) => path)]).toEqual([
    'INVALID_REQUEST',
    ['$.instance.id'],
  ]);
});

function kill(query = ''): Promise<Answer> {
  const json = { reason: 'payments fail' };
  return rest.ask(`POST ${PRODUCTION}/flags/checkout-v2/kill${query}`, { json });
}

function sendText(text: string | Uint8Array<ArrayBuffer>, headers: Ask['headers'] = {}): Promise<Answer> {
  return rest.ask('POST /sdk/v1/report', { key: SERVER, text, headers: { ...headers } });
}

async function reportOf(
  id: string,
  status: object,
  more: object = {},
  instance: object = {},
): Promise<Answer> {
  const state = await rest.storage.read('default');
  const epoch = state?.environments.get('production')?.environment.epoch;
  const json = { ...aReport(id, { epoch, ...status }, instance), ...withEpoch(more, epoch) };
  return rest.ask('POST /sdk/v1/report', { key: SERVER, json });
}

function aReport(id: string, status: object = {}, instance: object = {}): object {
  return {
    instance: { id, sdk: { name: 'sdk', version: '1' }, runningMs: 60_000, ...instance },
    status: {
      state: 'LIVE',
      mode: 'stream',
      epoch: null,
      revision: null,
      ageMs: 0,
      clockOffsetMs: null,
      ...status,
    },
  };
}

function withEpoch(more: object, epoch: string | undefined): object {
  if (!('applied' in more) || !Array.isArray(more.applied)) return more;
  return { ...more, applied: more.applied.map((one: object) => ({ epoch, ...one })) };
}

function step(revision: number, agoMs: number): object {
  return { from: revision - 1, revision, agoMs };
}

function exposure(variation: string, reason: string, count: number): object {
  return { flag: 'checkout-v2', variation, reason, revision: 1, fallback: false, count };
}
