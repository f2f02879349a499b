import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RefusalCause } from './admission.ts';
import { createAdmission, createSharedAdmission } from './admission.ts';

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

test('[D34] clients have a share; what is beyond it is left to others, at once and in each second', () => {
  let now = 0;
  const clock = { now: () => now };
  const limits = { streamsMax: 20, streamsPerKeyMax: 20, streamsPerSecondMax: 10, clientStreamsShare: 80 };
  const whole = createAdmission(limits, clock);
  const clients = createSharedAdmission(whole, limits, clock);
  const refusals = (admission: typeof whole, count: number, key: string): (RefusalCause | undefined)[] =>
    Array.from({ length: count }, () => admission.admit(key)).filter((cause) => cause !== undefined);
  expect(refusals(clients, 50, 'page')).toEqual(Array(42).fill('client-rate'));
  expect(refusals(whole, 3, 'program')).toEqual(['rate']);
  now += 1_000;
  expect(refusals(clients, 50, 'page')).toEqual(Array(42).fill('clients'));
  expect(refusals(whole, 2, 'program')).toEqual([]);
  now += 1_000;
  expect(refusals(whole, 1, 'program')).toEqual(['node']);
  clients.release('page');
  expect(refusals(clients, 2, 'page')).toEqual(['clients']);
  clients.close();
  expect([clients.admit('page'), whole.admit('program')]).toEqual(['draining', 'draining']);
});

test('[D34] whatever comes and goes, server keys find what clients may not take', () => {
  const step = fc.record({ isClient: fc.boolean(), opens: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const limits = {
        streamsMax: 10,
        streamsPerKeyMax: 100,
        streamsPerSecondMax: 1_000,
        clientStreamsShare: 50,
      };
      const whole = createAdmission(limits, { now: () => 0 });
      const clients = createSharedAdmission(whole, limits, { now: () => 0 });
      const open = { clients: 0, servers: 0 };
      for (const { isClient, opens } of steps) {
        const [kind, admission] = isClient ? (['clients', clients] as const) : (['servers', whole] as const);
        if (!opens && open[kind] > 0) {
          admission.release(kind);
          open[kind] -= 1;
        } else if (opens) {
          const isFull = open.clients + open.servers === 10;
          const expected = isClient && open.clients === 5 ? 'clients' : isFull ? 'node' : undefined;
          expect(admission.admit(kind)).toBe(expected);
          if (expected === undefined) open[kind] += 1;
        }
      }
    }),
  );
});
