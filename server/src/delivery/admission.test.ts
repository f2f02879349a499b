import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAdmission } from './admission.ts';

const LIMITS = { streamsMax: 4, streamsPerKeyMax: 2, streamsPerSecondMax: 100 };

test('[D20] a key that has all of its streams leaves room for others, until the node is full', () => {
  const admission = createAdmission(LIMITS, { now: () => 0 });
  const keys = ['a', 'a', 'a', 'b', 'b', 'c'];
  expect(keys.map((key) => admission.admit(key))).toEqual([
    undefined,
    undefined,
    'key',
    undefined,
    undefined,
    'node',
  ]);
  admission.release('a');
  expect(admission.admit('c')).toBeUndefined();
});

test('[D20] what a second may open comes back evenly', () => {
  let now = 0;
  const limits = { streamsMax: 1_000, streamsPerKeyMax: 1_000, streamsPerSecondMax: 10 };
  const admission = createAdmission(limits, { now: () => now });
  const admitted = (): number =>
    Array.from({ length: 20 }, () => admission.admit('a')).filter((cause) => cause === undefined).length;
  expect(admitted()).toBe(10);
  now += 300;
  expect(admitted()).toBe(3);
  now -= 5_000;
  expect(admitted()).toBe(0);
  now += 60_000;
  expect(admitted()).toBe(10);
});

test('[D20] after any run of opens and closes the counts are those of the streams that are open', () => {
  const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), opens: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const admission = createAdmission(LIMITS, { now: () => 0 });
      const open: string[] = [];
      for (const { key, opens } of steps) {
        if (!opens) {
          const at = open.indexOf(key);
          if (at !== -1) admission.release(open.splice(at, 1)[0] ?? '');
          continue;
        }
        const ofKey = open.filter((other) => other === key).length;
        const expected = open.length >= 4 ? 'node' : ofKey >= 2 ? 'key' : undefined;
        expect(admission.admit(key)).toBe(expected);
        if (expected === undefined) open.push(key);
      }
    }),
  );
});
