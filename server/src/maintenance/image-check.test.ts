import { digestOfAll } from '@dimmer/schema';
import { expect, test } from 'vitest';
import { rowOf } from '../storage/image.arbitrary.ts';
import type { ImageRow } from '../storage/image.ts';
import { createImageCheck } from './image-check.ts';

const AT = '2026-11-28T04:00:00.000Z';

function environment(revision: number, floor = 0): ImageRow {
  return rowOf('environments', [
    1,
    'shop',
    'production',
    'Production',
    'k3v9',
    AT,
    revision,
    floor,
    AT,
    false,
  ]);
}

function definition(key: string, version: number, document: string | null = '{}'): ImageRow {
  return rowOf('definitions', [1, 'flag', key, version, document]);
}

function change(revision: number): ImageRow {
  return rowOf('changes', [1, revision, 0, 'k1', 'ci', 'test', null, false]);
}

function object(revision: number, key: string, document: string | null = '{}'): ImageRow {
  return rowOf('changedObjects', [1, revision, 0, 'flag', key, null, null, document]);
}

function checked(...rows: readonly ImageRow[]) {
  const check = createImageCheck();
  for (const row of rows) check.add(row);
  return check;
}

test('[MV23] an environment that is what its log made of it has its digest and no fault', () => {
  const check = checked(
    environment(3),
    ...[definition('a', 2), definition('b', 3, null)],
    ...[change(1), change(2), change(3)],
    ...[object(1, 'a'), object(1, 'b'), object(2, 'a'), object(3, 'b', null)],
  );
  expect(check.faults()).toEqual([]);
  expect(check.environments()).toMatchObject([
    { project: 'shop', environment: 'production', epoch: 'k3v9', revision: 3 },
  ]);
  expect(check.environments()[0]?.digest).toBe(digestOfAll([{ kind: 'flag', key: 'a', version: 2 }]));
});

test('[MV23] what has not changed since the floor of the history is taken as it is', () => {
  const rows = [environment(5, 4), definition('a', 2), definition('b', 5), change(5), object(5, 'b')];
  expect(checked(...rows).faults()).toEqual([]);
});

test.each([
  [
    'a definition of another version',
    [definition('a', 1), change(1), change(2), object(1, 'a'), object(2, 'a')],
  ],
  ['a definition that is gone', [change(1), change(2), object(2, 'a')]],
  ['a definition that the log removed', [definition('a', 1), change(1), change(2), object(2, 'a', null)]],
  [
    'a definition that no change made',
    [definition('a', 1), definition('x', 2), change(1), change(2), object(1, 'a')],
  ],
  ['a revision that is missing', [definition('a', 2), change(2), object(2, 'a')]],
  ['a log that ends early', [definition('a', 1), change(1), object(1, 'a')]],
])('[MV23] %s is a fault that names the environment', (_, rows) => {
  const faults = checked(environment(2), ...rows).faults();
  expect(faults).toHaveLength(1);
  expect(faults[0]).toContain('shop/production');
});

test('[MV23] rows of no environment are a fault', () => {
  expect(checked(change(1)).faults()).toEqual([
    'Rows of changes belong to environment 1, which is not there.',
  ]);
});
