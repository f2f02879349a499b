import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBreaker } from './breaker.ts';
import { createRetrying } from './retry-budget.ts';

const TROUBLE = new Error('no answer');

function breakerWith(changes: boolean[] = []) {
  return createBreaker({
    name: 'The database',
    isTrouble: (error) => error === TROUBLE,
    onChange: ({ isUp }) => changes.push(isUp),
  });
}

const failing = (error: unknown) => () => Promise.reject(error);

test('[PG9] three calls in a row without an answer open it, and then nothing is tried until a probe is answered', async () => {
  const changes: boolean[] = [];
  const breaker = breakerWith(changes);
  for (let call = 0; call < 3; call += 1) {
    await expect(breaker.guard(failing(TROUBLE))).rejects.toBe(TROUBLE);
  }
  await expect(breaker.guard(() => expect.unreachable())).rejects.toMatchObject({
    fault: 'unavailable',
    cause: TROUBLE,
  });
  breaker.answered();
  await expect(breaker.guard(async () => 'done')).resolves.toBe('done');
  expect(changes).toEqual([false, true]);
});

test('[PG9] an answer in between, a refusal of a statement among them, starts the count anew', async () => {
  const changes: boolean[] = [];
  const breaker = breakerWith(changes);
  for (const error of [TROUBLE, TROUBLE, new Error('constraint'), TROUBLE, TROUBLE]) {
    await expect(breaker.guard(failing(error))).rejects.toBe(error);
  }
  expect(changes).toEqual([]);
});

test('[PG9] one probe without an answer is enough, and tells once', () => {
  const changes: boolean[] = [];
  const breaker = breakerWith(changes);
  breaker.unanswered(TROUBLE);
  breaker.unanswered(TROUBLE);
  breaker.answered();
  breaker.answered();
  expect(changes).toEqual([false, true]);
});

test('[PG10] a transaction is run three times at most, and again only where it lost to another', async () => {
  const retrying = createRetrying((error) => error === TROUBLE);
  let runs = 0;
  const attempt = (error: unknown) => () => {
    runs += 1;
    return Promise.reject(error);
  };
  await expect(retrying.run(attempt(TROUBLE))).rejects.toBe(TROUBLE);
  expect(runs).toBe(3);
  await expect(retrying.run(attempt(new Error('other')))).rejects.toThrow('other');
  expect(runs).toBe(4);
});

test('[PG10] however many fail, retries stay at a tenth of what was asked for and a few', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 400 }), async (fates) => {
      const retrying = createRetrying((error) => error === TROUBLE);
      let runs = 0;
      for (const isFailing of fates) {
        const attempt = async (): Promise<void> => {
          runs += 1;
          if (isFailing) throw TROUBLE;
        };
        await retrying.run(attempt).catch(() => {});
      }
      expect(runs - fates.length).toBeLessThanOrEqual(10 + fates.length / 10);
    }),
  );
});
