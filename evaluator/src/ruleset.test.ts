import type { FlagDefinition, OpaqueObject, SegmentDefinition, WireObject } from '@dimmer/schema';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostileContexts } from './context.arbitrary.ts';
import { environments } from './definition.arbitrary.ts';
import { buildRuleset, evaluate } from './ruleset.ts';

function flag(key: string, fields: Partial<FlagDefinition> = {}): FlagDefinition {
  return {
    kind: 'flag',
    key,
    version: 7,
    type: 'boolean',
    variations: { on: { value: true }, off: { value: false } },
    enabled: true,
    offVariation: 'off',
    prerequisites: [],
    targets: [],
    rules: [],
    fallthrough: { variation: 'on' },
    ...fields,
  };
}

function needing(key: string, other: string): FlagDefinition {
  return flag(key, { prerequisites: [{ flag: other, variation: 'on' }] });
}

function segment(key: string, fields: Partial<SegmentDefinition> = {}): SegmentDefinition {
  return {
    kind: 'segment',
    key,
    version: 3,
    by: 'targetingKey',
    included: [],
    excluded: [],
    when: null,
    ...fields,
  };
}

function using(key: string, name: string): FlagDefinition {
  return flag(key, {
    rules: [{ id: 'members', when: { segment: name }, serve: { variation: 'on' } }],
    fallthrough: { variation: 'off' },
  });
}

function damaged(kind: string, key: string): OpaqueObject {
  return { kind, key, version: 9, damage: 'fallthrough is not an object', opaque: true };
}

test('[E8] no context makes an evaluation throw or give an answer that the flag did not prepare', () => {
  const prototypeBefore = Object.getOwnPropertyNames(Object.prototype);
  fc.assert(
    fc.property(environments, hostileContexts, (objects, { context }) => {
      const { flags } = buildRuleset(objects);
      for (const { evaluate: ask, evaluations } of flags.values()) {
        const answer = Reflect.apply(ask, undefined, [context]);
        expect(evaluations[answer.slot]).toBe(answer);
        expect(Reflect.apply(ask, undefined, [context])).toBe(answer);
      }
    }),
    { numRuns: 500 },
  );
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(prototypeBefore);
});

test('[E8] a context that is no object counts as empty', () => {
  const when = { attribute: 'length', op: 'exists' } as const;
  const { flags } = buildRuleset([flag('f', { rules: [{ id: 'r', when, serve: { variation: 'off' } }] })]);
  for (const context of [undefined, null, 'text', 7, true, Symbol('context'), () => 1]) {
    const answer = Reflect.apply(flags.get('f')?.evaluate ?? expect.fail, undefined, [context]);
    expect(answer.reason, String(context)).toBe('FALLTHROUGH');
  }
});

test('[E8] every answer is frozen, with the value in it', () => {
  const list = { value: { inner: [1] } };
  const ruleset = buildRuleset([flag('f', { type: 'json', variations: { on: list, off: { value: null } } })]);
  const answer = evaluate(ruleset, 'f', {});
  expect(Object.isFrozen(answer)).toBe(true);
  expect(Object.isFrozen(answer.value)).toBe(true);
  expect(Object.isFrozen(list.value.inner)).toBe(true);
});

test('[E9] a key without a flag has no value, also where every object inherits the name', () => {
  const ruleset = buildRuleset([]);
  for (const key of ['absent', '__proto__', 'constructor', 'toString']) {
    expect(evaluate(ruleset, key, {})).toMatchObject({ value: undefined, errorCode: 'FLAG_NOT_FOUND' });
  }
});

test('[E13] a chain of prerequisites of any length or shape is compiled without overflowing the stack', () => {
  const chain = Array.from({ length: 20_000 }, (_, index) => needing(`f${index}`, `f${index + 1}`));
  const ruleset = buildRuleset([...chain, flag('f20000')]);
  expect(evaluate(ruleset, 'f20000', {}).reason).toBe('FALLTHROUGH');
  expect(evaluate(ruleset, 'f19981', {}).reason).toBe('FALLTHROUGH');
  expect(evaluate(ruleset, 'f19980', {}).errorCode).toBe('INVALID_DEFINITION');
  expect(ruleset.flags.get('f19999')?.depth).toBe(2);
});

test('[E13] a defect of a cycle names the way round', () => {
  const { flags } = buildRuleset([needing('a', 'b'), needing('b', 'c'), needing('c', 'b')]);
  expect(flags.get('a')?.defect).toEqual({
    code: 'INVALID_DEFINITION',
    path: '$.prerequisites',
    detail: '$.prerequisites: the chain never ends: a -> b -> c -> b; take one link out',
  });
});

test('[E13] which flags a cycle spoils does not depend on the order of the objects', () => {
  const objects = [needing('a', 'b'), needing('b', 'a'), needing('c', 'a'), needing('d', 'e'), flag('e')];
  fc.assert(
    fc.property(fc.shuffledSubarray(objects, { minLength: objects.length }), (shuffled) => {
      const { flags } = buildRuleset(shuffled);
      const spoilt = [...flags.values()].filter(({ defect }) => defect !== undefined).map(({ key }) => key);
      expect(spoilt.toSorted()).toEqual(['a', 'b', 'c']);
    }),
  );
});

test('[E41] segments in a cycle have a defect, and so has whoever leads into it', () => {
  const { segments, flags } = buildRuleset([
    segment('a', { when: { segment: 'b' } }),
    segment('b', { when: { segment: 'a' } }),
    segment('c', { when: { segment: 'a' } }),
    using('f', 'c'),
  ]);
  expect([...segments.values()].map(({ defect }) => defect?.code)).toEqual(
    Array(3).fill('INVALID_DEFINITION'),
  );
  expect(flags.get('f')?.defect?.detail).toContain('$.rules[0].when.segment: segment "c" cannot be used');
});

for (const { title, objects, path, detail } of [
  {
    title: 'an unknown operator deep in a rule',
    objects: [
      flag('f', {
        rules: [
          { id: 'a', when: { all: [] }, serve: { variation: 'on' } },
          {
            id: 'b',
            when: { all: [{ any: [] }, { not: JSON.parse('{"attribute":"x","op":"near"}') }] },
            serve: { variation: 'on' },
          },
        ],
      }),
    ],
    path: '$.rules[1].when.all[1].not.op',
    detail: '"near" is not an operator that this build knows; upgrade it or use one of in, startsWith',
  },
  {
    title: 'a pattern that RE2 refuses',
    objects: [
      flag('f', {
        rules: [
          {
            id: 'a',
            when: { attribute: 'x', op: 'matches', values: ['ok', '(?!no)'] },
            serve: { variation: 'on' },
          },
        ],
      }),
    ],
    path: '$.rules[0].when.values[1]',
    detail:
      'must be an RE2 pattern of at most 512 characters, without look-around or back-references, not "(?!no)"',
  },
  {
    title: 'a variation that does not exist',
    objects: [flag('f', { targets: [{ variation: 'maybe', by: 'targetingKey', values: [] }] })],
    path: '$.targets[0].variation',
    detail: '"maybe" is not a variation of the flag',
  },
  {
    title: 'ranges with a gap',
    objects: [
      flag('f', {
        fallthrough: {
          rollout: {
            by: 'targetingKey',
            algorithm: 'murmur3-100k',
            seed: 1,
            ranges: [
              [0, 10, 'on'],
              [20, 100_000, 'off'],
            ],
          },
        },
      }),
    ],
    path: '$.fallthrough.rollout.ranges',
    detail: 'range 1 must start at 10, not 20, to leave no gap or overlap',
  },
  {
    title: 'a segment that is absent',
    objects: [using('f', 'beta')],
    path: '$.rules[0].when.segment',
    detail: 'there is no segment "beta"; create it or remove the condition',
  },
  {
    title: 'a prerequisite that is absent',
    objects: [needing('f', 'g')],
    path: '$.prerequisites[0].flag',
    detail: 'there is no flag "g"; create it or remove the prerequisite',
  },
] satisfies { title: string; objects: WireObject[]; path: string; detail: string }[]) {
  test(`[E72] the defect of ${title} says where, why and what to do`, () => {
    const defect = buildRuleset(objects).flags.get('f')?.defect;
    expect(defect?.path).toBe(path);
    expect(defect?.detail).toContain(`${path}: ${detail}`);
  });
}

test('[E72] a defect is found while the flag is killed or not enabled, and does not decide then', () => {
  const broken = { fallthrough: { variation: 'no-such' } };
  const { flags } = buildRuleset([
    flag('k', { killed: true, ...broken }),
    flag('o', { enabled: false, ...broken }),
  ]);
  expect(flags.get('k')?.defect?.path).toBe('$.fallthrough.variation');
  expect(flags.get('o')?.defect?.path).toBe('$.fallthrough.variation');
  expect(flags.get('k')?.evaluate({}).reason).toBe('KILLED');
  expect(flags.get('o')?.evaluate({}).reason).toBe('OFF');
});

test('[E72] definitions of any shape become defects, not exceptions', () => {
  const anything = fc.anything({ maxDepth: 3 }) as fc.Arbitrary<never>;
  const listOf = fc.array(anything, { maxLength: 3 });
  const shapes = fc.record({
    prerequisites: listOf,
    targets: listOf,
    rules: listOf,
    fallthrough: fc.object(),
  });
  fc.assert(
    fc.property(shapes, anything, (parts, when) => {
      const definition = flag('f', JSON.parse(JSON.stringify(parts)));
      const group = segment('s', { when: when ?? null });
      const { flags } = buildRuleset([definition, group, using('g', 's')]);
      expect(flags.get('f')?.evaluate({})).toBeDefined();
      expect(flags.get('g')?.evaluate({})).toBeDefined();
    }),
    { numRuns: 1_000 },
  );
});

test('[E72] a condition of ten thousand levels is a defect', () => {
  let when: unknown = { all: [] };
  for (let level = 0; level < 10_000; level += 1) when = { not: when };
  const { flags } = buildRuleset([
    flag('f', { rules: [{ id: 'r', when: when as never, serve: { variation: 'on' } }] }),
  ]);
  expect(flags.get('f')?.defect?.detail).toContain('nests deeper than 20 levels');
});

test('[E73] a flag that arrives damaged keeps its last sound definition', () => {
  const sound = buildRuleset([flag('f')]);
  const { flags } = buildRuleset([damaged('flag', 'f')], sound);
  expect(flags.get('f')).toBe(sound.flags.get('f'));
});

test('[E73] a flag that arrives damaged and was never sound serves no value', () => {
  const { flags } = buildRuleset([damaged('flag', 'f')]);
  expect(flags.get('f')?.evaluate({})).toMatchObject({
    value: undefined,
    errorCode: 'INVALID_DEFINITION',
    revision: 9,
  });
  expect(flags.get('f')?.defect?.detail).toContain('fallthrough is not an object');
});

test('[E73] a damaged segment keeps its last sound definition, and is absent without one', () => {
  const sound = buildRuleset([using('f', 's'), segment('s', { included: ['user-1'] })]);
  const kept = buildRuleset([using('f', 's'), damaged('segment', 's')], sound);
  expect(evaluate(kept, 'f', { targetingKey: 'user-1' }).reason).toBe('RULE_MATCH');
  const fresh = buildRuleset([using('f', 's'), damaged('segment', 's')]);
  expect(evaluate(fresh, 'f', { targetingKey: 'user-1' }).errorCode).toBe('INVALID_DEFINITION');
});

test('[E74] what did not change is taken over, what depends on a change is compiled again', () => {
  const objects = [flag('a'), needing('b', 'a'), needing('c', 'b'), flag('d'), segment('s'), using('e', 's')];
  const before = buildRuleset(objects);
  const same = buildRuleset(objects, before);
  expect([...same.flags.values()]).toEqual([...before.flags.values()]);
  for (const [key, compiled] of before.flags) expect(same.flags.get(key)).toBe(compiled);

  const after = buildRuleset([flag('a', { version: 8 }), ...objects.slice(1)], before);
  expect(reusedBetween(before.flags, after.flags)).toEqual(['d', 'e']);
  const members = buildRuleset(
    [...objects.slice(0, 4), segment('s', { version: 4 }), ...objects.slice(5)],
    before,
  );
  expect(reusedBetween(before.flags, members.flags)).toEqual(['a', 'b', 'c', 'd']);
});

test('[E74] a flag is compiled again when what it missed arrives, and when what it had goes', () => {
  const [lonely, other, member, group] = [needing('f', 'g'), flag('g'), using('h', 's'), segment('s')];
  const without = buildRuleset([lonely, member]);
  const complete = buildRuleset([lonely, other, member, group], without);
  expect(evaluate(complete, 'f', {}).reason).toBe('FALLTHROUGH');
  expect(evaluate(complete, 'h', {}).reason).toBe('FALLTHROUGH');
  const again = buildRuleset([lonely, member], complete);
  expect(evaluate(again, 'f', {}).errorCode).toBe('INVALID_DEFINITION');
  expect(evaluate(again, 'h', {}).errorCode).toBe('INVALID_DEFINITION');
});

test('[E74] a ruleset built on another one answers like one built from nothing', () => {
  fc.assert(
    fc.property(
      environments,
      environments,
      fc.array(fc.boolean()),
      hostileContexts,
      (first, second, taken, { context }) => {
        const mixed = first.map((object, index) =>
          taken[index] === true ? (second[index] ?? object) : object,
        );
        const built = buildRuleset(mixed, buildRuleset(first));
        const fresh = buildRuleset(mixed);
        for (const [key, { evaluate: ask, defect }] of fresh.flags) {
          expect(built.flags.get(key)?.defect).toEqual(defect);
          const other = built.flags.get(key)?.evaluate ?? expect.fail;
          expect(Reflect.apply(other, undefined, [context])).toEqual(
            Reflect.apply(ask, undefined, [context]),
          );
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('[E75] a flag of an unknown kind or with a defect leaves the others alone', () => {
  const { flags } = buildRuleset([
    { kind: 'experiment', key: 'x', version: 1, opaque: true },
    flag('bad', { fallthrough: { variation: 'no-such' } }),
    flag('good'),
  ]);
  expect([...flags.keys()]).toEqual(['bad', 'good']);
  expect(flags.get('good')?.defect).toBeUndefined();
});

function reusedBetween(before: ReadonlyMap<string, object>, after: ReadonlyMap<string, object>): string[] {
  return [...after].filter(([key, compiled]) => before.get(key) === compiled).map(([key]) => key);
}
