import { expect, test } from 'vitest';
import { sinceOf } from './since.ts';

const at = { epoch: 'k3v9', revision: 42, historyFloor: 10 };
const here = (revision: number) => ({ epoch: 'k3v9', revision });

test.each([
  ['nothing', undefined, undefined, 42],
  ['a revision', 20, undefined, 20],
  ['the newest', 42, undefined, 42],
  ['one below the floor', 3, undefined, 10],
  ['one of the future', 43, undefined, 42],
  ['an id', undefined, here(20), 20],
  ['an id beside a revision', 15, here(20), 20],
  ['an id of another epoch', 15, { epoch: 'other', revision: 20 }, 42],
  ['an id of the future', undefined, here(99), 42],
])('[L2] %s', (_, since, cursor, begins) => {
  expect(sinceOf({ since, cursor }, at)).toBe(begins);
});
