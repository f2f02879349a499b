import type { Storage } from '@dimmer/server';
import { expect, test } from 'vitest';
import type { RestHarness } from './rest-harness.ts';
import { openRest, PRODUCTION, PROJECT, problemOf } from './rest-harness.ts';

/** A storage in which other people write right after a revert has read the history, so many times. */
function overtaken(times: number, write: () => Promise<unknown>): (storage: Storage) => Storage {
  let left = times;
  return (storage) =>
    new Proxy(storage, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        const call = member.bind(target);
        if (name !== 'differencesAt') return call;
        return async (...args: unknown[]) => {
          const differences: unknown = await call(...args);
          if (left > 0) await write();
          left -= 1;
          return differences;
        };
      },
    });
}

async function openOvertaken(times: number): Promise<RestHarness> {
  let count = 0;
  const rest: RestHarness = await openRest(
    overtaken(times, () => {
      count += 1;
      return rest.ask(`POST ${PROJECT}/flags`, { json: { key: `other-${count}` } });
    }),
  );
  await rest.ask(`POST ${PROJECT}/flags`, { json: { key: 'checkout' } });
  await rest.ask(`PATCH ${PRODUCTION}/flags/checkout`, { json: { enabled: true } });
  return rest;
}

test('[C97] a revert that others overtake is prepared again and done', async () => {
  const rest = await openOvertaken(3);
  const reverted = await rest.ask(`POST ${PRODUCTION}/revert`, { json: { to: 1, flags: ['checkout'] } });
  expect(reverted.body).toMatchObject({ changed: true, revision: 6 });
  expect((await rest.ask(`GET ${PRODUCTION}/flags/checkout`)).body).toMatchObject({ enabled: false });
  await rest.close();
});

test('[C97] a revert that is overtaken five times says so and changes nothing', async () => {
  const rest = await openOvertaken(Number.POSITIVE_INFINITY);
  const refused = await rest.ask(`POST ${PRODUCTION}/revert`, { json: { to: 1, flags: ['checkout'] } });
  expect(problemOf(refused)).toMatchObject({
    status: 503,
    code: 'UNAVAILABLE',
    remedy: 'Send the request again.',
  });
  expect((await rest.ask(`GET ${PRODUCTION}/flags/checkout`)).body).toMatchObject({ enabled: true });
  expect(await rest.revision()).toBe(7);
  await rest.close();
});
