import { expect, test } from 'vitest';
import { createTurns } from './turns.ts';

test('[R13] pieces of work come one by one, in order, and others get in between', async () => {
  const done: string[] = [];
  const turns = createTurns({ soon: (run) => void setImmediate(run) });
  const work = ['a', 'b', 'c'].map(async (name) => {
    await turns.next();
    done.push(name);
    setImmediate(() => done.push(`after ${name}`));
  });
  await Promise.all(work);
  await new Promise((resolve) => setImmediate(resolve));
  expect(done.filter((name) => name.length === 1)).toEqual(['a', 'b', 'c']);
  expect(done.indexOf('after a')).toBeLessThan(done.indexOf('c'));
});
