import type { Storage } from '@dimmer/server';
import { StorageFault } from '@dimmer/server';
import { expect, test } from 'vitest';
import { ADMIN, openRest, PROJECT, problemOf } from './rest-harness.ts';

/** A storage whose calls throw what is set. */
function faulty(state: { cause: Error | undefined }): (storage: Storage) => Storage {
  return (storage) =>
    new Proxy(storage, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        const call = member.bind(target);
        if (name === 'onCommit' || name === 'close') return call;
        return async (...args: unknown[]) => {
          if (state.cause !== undefined) throw state.cause;
          return call(...args);
        };
      },
    });
}

const write = { json: { key: 'checkout' } };

test('[A3] a database that is down before any key is known answers 503, never 401', async () => {
  const state: { cause: Error | undefined } = { cause: new StorageFault('unavailable', 'down') };
  const rest = await openRest(faulty(state));
  const refused = await rest.ask(`GET ${PROJECT}`);
  expect(problemOf(refused)).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
  expect(refused.headers.get('retry-after')).toBe('1');
  state.cause = undefined;
  expect((await rest.ask(`GET ${PROJECT}`)).status).toBe(200);
  await rest.close();
});

test('[A3] keys that are known stay known while the database is down', async () => {
  const state: { cause: Error | undefined } = { cause: undefined };
  const rest = await openRest(faulty(state));
  expect((await rest.ask('GET /openapi.json')).status).toBe(200);
  expect((await rest.ask(`GET ${PROJECT}`)).status).toBe(200);
  state.cause = new StorageFault('unavailable', 'down');
  expect(problemOf(await rest.ask(`GET ${PROJECT}`, { key: `dim_adm_${'q'.repeat(32)}` })).code).toBe(
    'UNAUTHENTICATED',
  );
  expect(problemOf(await rest.ask(`GET ${PROJECT}`, { key: ADMIN })).code).toBe('UNAVAILABLE');
  await rest.close();
});

const faults = [
  ['full', 507, 'STORAGE_FULL'],
  ['unavailable', 503, 'UNAVAILABLE'],
  ['damaged', 503, 'UNAVAILABLE'],
] as const;

test.each(faults)('[A50] a storage that is %s answers %i %s', async (fault, status, code) => {
  const state: { cause: Error | undefined } = { cause: undefined };
  const rest = await openRest(faulty(state));
  await rest.ask(`GET ${PROJECT}`);
  state.cause = new StorageFault(fault, `/var/lib/dimmer is ${fault}`);
  const refused = await rest.ask(`POST ${PROJECT}/flags`, write);
  expect(problemOf(refused)).toMatchObject({ status, code });
  expect(refused.headers.get('retry-after')).toBe('1');
  state.cause = undefined;
  expect((await rest.ask(`POST ${PROJECT}/flags`, write)).status).toBe(201);
  await rest.close();
});

test('[A51] a defect answers with the request id alone; its stack is in the log', async () => {
  const state: { cause: Error | undefined } = { cause: undefined };
  const rest = await openRest(faulty(state));
  await rest.ask(`GET ${PROJECT}`);
  state.cause = new Error('canary of the inside');
  const refused = await rest.ask(`POST ${PROJECT}/flags`, write);
  expect(problemOf(refused)).toMatchObject({ status: 500, code: 'INTERNAL' });
  expect(JSON.stringify(refused.body)).not.toContain('canary');
  const line = rest.log.find((entry) => entry.includes('canary of the inside')) ?? '';
  expect(JSON.parse(line)).toMatchObject({
    requestId: refused.headers.get('x-request-id'),
    err: { stack: expect.any(String) },
  });
  state.cause = undefined;
  await rest.close();
});
