import { expect, test } from 'vitest';
import { copyOf } from './environment-copy.ts';
import { commitFrame, deleteFrame, goodbyeFrame, heartbeatFrame, helloFrame, putFrame } from './frames.ts';

const copy = copyOf({
  epoch: 'k3v9',
  revision: 7,
  historyFloor: 0,
  committedAt: '2026-11-21T00:00:00.000Z',
  objects: [],
  tombstones: [],
});

test('[W10] the id of a commit is its cursor, and nothing else has an id', () => {
  expect(commitFrame(copy).toString()).toMatch(/^id: k3v9:7$/m);
  const others = [
    helloFrame(copy, 'full', { heartbeatMs: 15_000, databaseAgeMs: 20 }),
    putFrame({ kind: 'segment', key: 'beta', version: 7, opaque: true }),
    deleteFrame({ kind: 'flag', key: 'checkout-v2', version: 7 }),
    heartbeatFrame(copy, 20),
    goodbyeFrame('draining', 100),
  ];
  for (const frame of others) expect(frame.toString()).not.toMatch(/^id:/m);
});
