import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RestHarness } from './rest-harness.ts';
import { openRest, PRODUCTION, PROJECT, problemOf } from './rest-harness.ts';

let rest: RestHarness;
beforeEach(async () => {
  rest = await openRest();
});
afterEach(() => rest.close());

const headers = { 'idempotency-key': '5e0b2f6e-request' };

test('[A60] a repeated POST writes once and gets the same answer', async () => {
  const ask = { json: { key: 'checkout' }, headers };
  const first = await rest.ask(`POST ${PROJECT}/flags`, ask);
  const second = await rest.ask(`POST ${PROJECT}/flags`, ask);
  expect([second.status, second.body]).toEqual([first.status, first.body]);
  expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
  expect(first.headers.get('idempotency-replayed')).toBeNull();
  expect(second.headers.get('idempotency-replayed')).toBe('true');
  expect(await rest.revision()).toBe(1);
});

test('[A60] the same Idempotency-Key on another body or route is refused', async () => {
  await rest.ask(`POST ${PROJECT}/flags`, { json: { key: 'checkout' }, headers });
  const otherBody = await rest.ask(`POST ${PROJECT}/flags`, { json: { key: 'cart' }, headers });
  expect(problemOf(otherBody)).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
  const otherRoute = await rest.ask(`POST ${PRODUCTION}/flags/checkout/kill`, {
    json: { reason: 'x' },
    headers,
  });
  expect(problemOf(otherRoute).code).toBe('IDEMPOTENCY_KEY_REUSED');
});

test('[A60] the same Idempotency-Key of two callers are two', async () => {
  const other = await rest.ask('POST /api/v1/keys', { json: { name: 'other', role: 'admin' } });
  await rest.ask(`POST ${PROJECT}/flags`, { json: { key: 'checkout' }, headers });
  const answer = await rest.ask(`POST ${PROJECT}/flags`, {
    json: { key: 'cart' },
    headers,
    key: other.body.secret,
  });
  expect(answer.status).toBe(201);
});

test('[A61] a second request is refused while the first is being answered', async () => {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  await rest.close();
  rest = await openRest((storage) => gatedTransact(storage, gate));
  const ask = { json: { key: 'checkout' }, headers };
  const first = rest.ask(`POST ${PROJECT}/flags`, ask);
  const second = await rest.ask(`POST ${PROJECT}/flags`, ask);
  expect(problemOf(second)).toMatchObject({ status: 409, code: 'REQUEST_IN_FLIGHT' });
  expect(second.headers.get('retry-after')).toBe('1');
  release();
  expect((await first).status).toBe(201);
  expect((await rest.ask(`POST ${PROJECT}/flags`, ask)).headers.get('idempotency-replayed')).toBe('true');
});

test('[A62] a replayed key creation shows no secret', async () => {
  const ask = { json: { name: 'web', kind: 'server' }, headers };
  const first = await rest.ask(`POST ${PRODUCTION}/keys`, ask);
  const second = await rest.ask(`POST ${PRODUCTION}/keys`, ask);
  expect(first.body.secret).toMatch(/^dim_srv_/);
  expect(second.body).toEqual({ ...first.body, secret: null });
});

test('[A63] a malformed Idempotency-Key is refused', async () => {
  const answer = await rest.ask(`POST ${PROJECT}/flags`, {
    json: { key: 'x' },
    headers: { 'idempotency-key': 'a b' },
  });
  expect(problemOf(answer).issues?.[0]?.path).toBe('header.idempotency-key');
});

test('[A64] a dry run keeps no reply', async () => {
  const dry = await rest.ask(`POST ${PRODUCTION}/revert`, { json: { to: 0, dryRun: true }, headers });
  expect(dry.status).toBe(200);
  const real = await rest.ask(`POST ${PROJECT}/flags`, { json: { key: 'checkout' }, headers });
  expect(real.status).toBe(201);
});

function gatedTransact<T extends { transact: (...args: never[]) => Promise<unknown> }>(
  storage: T,
  gate: Promise<void>,
): T {
  return new Proxy(storage, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      if (name !== 'transact') return member.bind(target);
      return async (...args: unknown[]) => {
        await gate;
        return member.apply(target, args);
      };
    },
  });
}
