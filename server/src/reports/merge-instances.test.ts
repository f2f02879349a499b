import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Instance } from './instance.ts';
import { newInstance } from './instance.ts';
import { documentOf, instanceOf } from './instance-document.ts';
import { mergeInstances } from './merge-instances.ts';

const time = fc.nat({ max: 50 });
const moment = fc.record({ epoch: fc.constant('e'), from: fc.nat(3), revision: fc.nat(5), at: time });
const problem = fc.record({
  code: fc.constantFrom('DIGEST_MISMATCH', 'MALFORMED'),
  epoch: fc.constantFrom(null, 'e'),
  from: fc.constant(null),
  revision: fc.nat(3),
  message: fc.constant('it differs'),
  at: time,
});
const status = fc.record({
  state: fc.constantFrom('LIVE', 'STALE'),
  mode: fc.constantFrom(null, 'stream'),
  epoch: fc.constant('e'),
  revision: fc.nat(5),
  ageMs: fc.constant(null),
  clockOffsetMs: fc.constant(null),
});
const instance: fc.Arbitrary<Instance> = fc.record({
  id: fc.constant('one'),
  facts: fc.constant(undefined),
  status: fc.option(status, { nil: undefined }),
  startedAt: fc.option(time, { nil: undefined }),
  heardAt: fc.option(time, { nil: undefined }),
  via: fc.constantFrom(null, 'relay'),
  seenAt: fc.option(time, { nil: undefined }),
  connectedAt: fc.option(time, { nil: undefined }),
  streams: fc.nat(2),
  applied: fc.array(moment, { maxLength: 4 }),
  batches: fc.constant([]),
  dropped: fc.record({ exposures: fc.nat(9), events: fc.nat(9) }),
  problems: fc.array(problem, { maxLength: 3 }),
});

test('[M21] an instance that moved stands where its newest report says, whoever is asked first', () => {
  fc.assert(
    fc.property(instance, instance, instance, (one, two, three) => {
      const merged = mergeInstances([one, two, three]);
      const heard = [one, two, three].map(({ heardAt = -1 }) => heardAt);
      expect(merged.heardAt ?? -1).toBe(Math.max(...heard));
      expect([one, two, three].map((each) => each.status)).toContainEqual(merged.status);
      expect(merged.streams).toBe(one.streams + two.streams + three.streams);
      expect(merged.dropped.events).toBe(one.dropped.events + two.dropped.events + three.dropped.events);
    }),
  );
});

test('[M21] every revision that any server heard of is there, at the moment that was told first', () => {
  fc.assert(
    fc.property(instance, instance, (one, other) => {
      const all = [...one.applied, ...other.applied];
      const { applied } = mergeInstances([one, other]);
      for (const { revision, at } of all) {
        const found = applied.find((told) => told.revision === revision);
        expect(found?.at).toBeLessThanOrEqual(at);
      }
      expect(applied.map(({ at }) => at)).toEqual(applied.map(({ at }) => at).sort((a, b) => a - b));
      const { applied: reversed } = mergeInstances([other, one]);
      expect(new Set(reversed.map(({ revision, at }) => `${revision} ${at}`))).toEqual(
        new Set(applied.map(({ revision, at }) => `${revision} ${at}`)),
      );
    }),
  );
});

test('[M24] what one server shares another reads', () => {
  fc.assert(
    fc.property(instance, (shared) => {
      expect(instanceOf('one', documentOf(shared))).toEqual(shared);
    }),
  );
});

test('[M24] what a server of another version has shared is read as far as it goes, or left out', () => {
  expect(instanceOf('one', '{"heardAt":7,"streams":1,"somethingNew":true}')).toEqual({
    ...newInstance('one'),
    heardAt: 7,
    streams: 1,
  });
  for (const text of ['', '[]', 'null', '{"streams":"many"}', '{']) {
    expect(instanceOf('one', text)).toBeUndefined();
  }
});
