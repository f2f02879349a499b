import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Snapshot } from '@dimmer/follower';
import { snapshotOf } from '@dimmer/follower';
import type { EvaluationContext, JsonValue, WireObject } from '@dimmer/schema';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { FlagTable } from './flag-table.ts';
import { DEFAULT_LIMITS } from './options.ts';
import { fixedFlag, snapshotDocument } from './stream-server.fixture.ts';

/** What becomes true by itself, and at once on a machine that has nothing else to do. */
const PATIENTLY = { timeout: 20_000 };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const user = { targetingKey: 'user-1' };
const flags = [
  fixedFlag('bool', 1, true),
  fixedFlag('text', 1, 'blue'),
  fixedFlag('count', 1, 7),
  fixedFlag('tree', 1, { list: [1, { deep: true }] }),
  fixedFlag('none', 1, true, { enabled: false, offVariation: null }),
];

function table(
  objects: readonly WireObject[] = flags,
  limits: Partial<typeof DEFAULT_LIMITS> = {},
): FlagTable {
  const made = new FlagTable({ ...DEFAULT_LIMITS, ...limits }, () => ({ ageMs: 5, source: 'stream' }));
  made.replace(snapshot(1, objects));
  return made;
}

function snapshot(revision: number, objects: readonly WireObject[]): Snapshot<WireObject> {
  const made = snapshotOf(snapshotDocument(revision, objects));
  if (made === undefined) throw new Error('the document is not whole');
  return made;
}

/** Serves a flag and counts one evaluation. Apart, so that no variable of the test holds the flag. */
function serveOnce(served: FlagTable, flag: WireObject): WeakRef<WireObject> {
  served.replace(snapshot(2, [flag]));
  served.boolean(flag.key, user, false);
  return new WeakRef(flag);
}

test('every type of flag is served', () => {
  const served = table();
  expect(served.boolean('bool', user, false)).toBe(true);
  expect(served.string('text', user, 'red')).toBe('blue');
  expect(served.number('count', user, 0)).toBe(7);
  expect(served.json('tree', user, {})).toEqual({ list: [1, { deep: true }] });
});

test('[N2] another type, no value and an unknown flag serve the fallback', () => {
  const served = table();
  expect(served.boolean('text', user, true)).toBe(true);
  expect(served.string('bool', user, 'red')).toBe('red');
  expect(served.number('text', user, 3)).toBe(3);
  expect(served.json('bool', user, { a: 1 })).toEqual({ a: 1 });
  expect(served.boolean('none', user, true)).toBe(true);
  expect(served.boolean('unknown', user, true)).toBe(true);
  expect(served.boolean('__proto__', user, false)).toBe(false);
});

test('[N2] details say why a fallback was served', () => {
  const served = table();
  expect(served.detail('text', user, true)).toMatchObject({ value: true, errorCode: 'TYPE_MISMATCH' });
  expect(served.detail('none', user, true)).toMatchObject({ value: true, variation: null, reason: 'OFF' });
  expect(served.detail('unknown', user, true)).toMatchObject({ value: true, errorCode: 'FLAG_NOT_FOUND' });
});

test('[N5] a detail holds what is known, and nothing undefined', () => {
  expect(table().detail('bool', user, false)).toStrictEqual({
    value: true,
    variation: 'given',
    reason: 'FALLTHROUGH',
    revision: 1,
    ageMs: 5,
    source: 'stream',
    isStatic: true,
  });
});

test('[N3] a value cannot be changed by who gets it', () => {
  const tree = table().json<{ list: JsonValue[] }>('tree', user, { list: [] });
  expect(() => tree.list.push(1)).toThrow(TypeError);
});

test('[N3] the metadata of a detail cannot be changed by who gets it', () => {
  const served = table([fixedFlag('owned', 1, true, { metadata: { team: 'cart' } })]);
  const { metadata } = served.detail('owned', user, false);
  expect(metadata).toEqual({ team: 'cart' });
  expect(Object.isFrozen(metadata)).toBe(true);
});

test('[N1] nothing that a caller gives makes a call throw', () => {
  const served = table([
    ...flags,
    fixedFlag('ruled', 1, true, {
      rules: [{ id: 'r', when: { attribute: 'a.b', op: 'in', values: ['x'] }, serve: { variation: 'off' } }],
    }),
  ]);
  const hostile = fc.constantFrom<unknown>(
    null,
    undefined,
    7,
    'text',
    Symbol('s'),
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('trap');
        },
      },
    ),
    {
      get targetingKey() {
        throw new Error('getter');
      },
    },
    {
      a: new Proxy(
        {},
        {
          getOwnPropertyDescriptor: () => {
            throw new Error('trap');
          },
        },
      ),
    },
  );
  const context = fc.oneof(fc.anything({ withBigInt: true, withDate: true, withSparseArray: true }), hostile);
  const key = fc.oneof(fc.constantFrom<unknown>('bool', 'ruled', 'tree'), fc.anything(), hostile);
  fc.assert(
    fc.property(key, context, fc.anything(), (anyKey, anyContext, fallback) => {
      const args = [anyKey, anyContext, fallback] as [string, EvaluationContext, never];
      for (const call of ['boolean', 'string', 'number', 'json', 'detail'] as const) served[call](...args);
      served.exposures();
    }),
    { numRuns: 500 },
  );
});

test('[N30] every call is counted once, whatever it was answered', () => {
  const served = table();
  served.boolean('bool', user, false);
  served.boolean('bool', user, false);
  served.string('bool', user, 'red');
  served.boolean('none', user, true);
  served.boolean('unknown', user, true);
  served.detail('text', user, 'red');
  expect(served.exposures()).toEqual({ counted: 6, dropped: 0 });
  const { exposures } = served.drainExposures();
  expect(exposures.map(({ flag, reason, count }) => `${flag} ${reason} ${count}`).sort()).toEqual([
    'bool ERROR 1',
    'bool FALLTHROUGH 2',
    'none OFF 1',
    'text FALLTHROUGH 1',
    'unknown ERROR 1',
  ]);
  expect(served.exposures()).toEqual({ counted: 0, dropped: 0 });
});

test('[N30] a call before there are flags is counted as such', () => {
  const empty = new FlagTable(DEFAULT_LIMITS, () => ({ ageMs: null, source: null }));
  empty.boolean('bool', user, true);
  expect(empty.drainExposures().exposures).toEqual([
    {
      flag: 'bool',
      variation: null,
      reason: 'ERROR',
      errorCode: 'NOT_READY',
      revision: 0,
      fallback: true,
      count: 1,
    },
  ]);
});

test('[N31] keys that do not exist cannot fill the memory', () => {
  const served = table(flags, { unreportedFlagsMax: 3 });
  for (let i = 0; i < 10; i += 1) served.boolean(`made up ${i}`, user, false);
  served.boolean('made up 0', user, false);
  expect(served.exposures()).toEqual({ counted: 4, dropped: 7 });
  expect(served.drainExposures().dropped).toBe(7);
});

test('[N32] counts outlive the definition that they belong to', () => {
  const served = table();
  served.boolean('bool', user, false);
  served.replace(snapshot(2, [fixedFlag('bool', 2, false), ...flags.slice(1)]));
  served.boolean('bool', user, false);
  const revisions = served.drainExposures().exposures.map(({ revision, count }) => [revision, count]);
  expect(revisions).toEqual([
    [2, 1],
    [1, 1],
  ]);
});

test('[N32] what a replaced flag has counted is kept without the flag', async () => {
  const served = table([]);
  const replaced = serveOnce(served, fixedFlag('bool', 2, true));
  served.replace(snapshot(3, [fixedFlag('bool', 3, false)]));
  await vi.waitFor(() => {
    collect();
    // A failure must not hold what it is about.
    expect(replaced.deref() === undefined).toBe(true);
  }, PATIENTLY);
  expect(served.exposures()).toEqual({ counted: 1, dropped: 0 });
});

test('[N32] flags that are replaced again and again are bounded', () => {
  const served = table([], { unreportedFlagsMax: 2 });
  for (let revision = 2; revision < 12; revision += 1) {
    served.replace(snapshot(revision, [fixedFlag('bool', revision, true)]));
    served.boolean('bool', user, false);
  }
  expect(served.exposures()).toEqual({ counted: 3, dropped: 7 });
});

test('[N20] a change names the flags that came, changed and went, and those that depend on them', () => {
  const dependent = fixedFlag('child', 1, true, { prerequisites: [{ flag: 'bool', variation: 'given' }] });
  const served = table([...flags, dependent]);
  const next = [fixedFlag('bool', 2, false), fixedFlag('new', 2, 1), dependent, ...flags.slice(2)];
  expect([...served.replace(snapshot(2, next)).keys].sort()).toEqual(['bool', 'child', 'new', 'text']);
  expect(served.replace(snapshot(3, next)).keys).toEqual([]);
});
