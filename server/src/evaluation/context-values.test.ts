import { buildRuleset, type Ruleset } from '@dimmer/evaluator';
import type { FlagDefinition } from '@dimmer/schema';
import { addDigests } from '@dimmer/schema';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flagObject } from '../delivery/flag-object.fixture.ts';
import { ContextValues } from './context-values.ts';
import { ValueCache } from './value-cache.ts';

/** What an edit may turn a flag into: absent, not exposed, or one of a few answers. */
interface Shape {
  readonly key: string;
  readonly exposed: boolean;
  readonly variation: string;
  /** The country that a rule is about; `null`: there is none. */
  readonly rule: string | null;
}

const shape: fc.Arbitrary<Shape> = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  exposed: fc.boolean(),
  variation: fc.constantFrom('on', 'off'),
  rule: fc.constantFrom('NO', 'FI', null),
});
const revisions = fc.array(fc.uniqueArray(shape, { selector: ({ key }) => key }), { maxLength: 8 });

function definitionOf({ key, exposed, variation, rule }: Shape, version: number): FlagDefinition {
  const when = { attribute: 'country', op: 'in' as const, values: [`${rule}`] };
  return flagObject(key, version, {
    rules: rule ? [{ id: 'r', when, serve: { variation: 'on' } }] : [],
    fallthrough: { variation },
    ...(exposed && { exposeToClients: true }),
  });
}

/** Rulesets one after another, in which a flag that stays as it was stays the same object. */
function rulesetsOf(shapes: readonly (readonly Shape[])[]): Ruleset[] {
  const rulesets: Ruleset[] = [];
  const known = new Map<string, FlagDefinition>();
  for (const [version, flags] of shapes.entries()) {
    const objects = flags.map((flag) => {
      const name = JSON.stringify(flag);
      const definition = known.get(name) ?? definitionOf(flag, version);
      known.set(name, definition);
      return definition;
    });
    rulesets.push(buildRuleset(objects, rulesets.at(-1)));
  }
  return rulesets;
}

describe('the values of one context', () => {
  it('[D31] puts and deletes, applied in order, give what a fresh context gets', () => {
    fc.assert(
      fc.property(revisions, fc.constantFrom('NO', 'SE'), (shapes, country) => {
        const cache = new ValueCache();
        const values = new ContextValues({ country }, cache, () => {});
        const held = new Map<string, string>();
        for (const ruleset of rulesetsOf(shapes)) {
          const { puts, removed } = values.advance(cache.flagsOf(ruleset));
          for (const { key } of removed) held.delete(key);
          for (const { key, put } of puts) {
            expect(held.get(key)).not.toBe(put.toString());
            held.set(key, put.toString());
          }
          const fresh = new ContextValues({ country }, cache, () => {});
          fresh.advance(cache.flagsOf(ruleset));
          expect(new Map(fresh.values.map(({ key, put }) => [key, put.toString()]))).toEqual(held);
          expect(values.digest).toBe(fresh.digest);
          expect(values.digest).toBe(
            values.values.reduce((digest, { share }) => addDigests(digest, share), 0),
          );
        }
      }),
    );
  });

  it('[D33] only flags that were compiled anew are evaluated, and an answer is encoded once for all', () => {
    const flags = ['a', 'b', 'c'].map((key) => ({ key, exposed: true, variation: 'on', rule: 'NO' }));
    const edited = flags.map((flag) => (flag.key === 'b' ? { ...flag, rule: 'FI' } : flag));
    const [first, second] = rulesetsOf([flags, edited]);
    if (first === undefined || second === undefined) throw new Error('no rulesets');
    const cache = new ValueCache();
    let evaluations = 0;
    const contexts = ['SE', 'DK'].map(
      (country) =>
        new ContextValues({ country }, cache, (count) => {
          evaluations += count;
        }),
    );
    for (const context of contexts) context.advance(cache.flagsOf(first));
    expect(evaluations).toBe(6);
    for (const context of contexts) expect(context.advance(cache.flagsOf(second)).puts).toEqual([]);
    expect(evaluations).toBe(8);
    const [one, other] = contexts.map(({ values }) => values);
    for (const [place, value] of (one ?? []).entries()) expect(other?.[place]).toBe(value);
  });
});
