import type { Storage } from '@dimmer/server';
import { StorageFault } from '@dimmer/server';
import { expect, test } from 'vitest';
import { openRest, PROJECT, problemOf, SERVER } from './rest-harness.ts';

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

test('[M6] while the database is down known keys stay known, and of others nobody says that they are wrong (SEC-3)', async () => {
  const state: { cause: Error | undefined } = { cause: undefined };
  const rest = await openRest(faulty(state));
  const snapshot = (key: string) => rest.ask('GET /sdk/v1/snapshot', { key });
  expect((await snapshot(SERVER)).status).toBe(200);
  state.cause = new StorageFault('unavailable', 'down');
  expect((await snapshot(SERVER)).status).toBe(200);
  const doubtful = await snapshot(`dim_srv_${'q'.repeat(32)}`);
  expect(problemOf(doubtful).code).toBe('UNAVAILABLE');
  expect(Number(doubtful.headers.get('retry-after'))).toBeGreaterThan(0);
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
