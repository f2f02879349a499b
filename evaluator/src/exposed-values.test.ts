import type { EvaluationContext, FlagDefinition, WireObject } from '@dimmer/schema';
import { versionOfValue } from '@dimmer/schema';
import { describe, expect, it } from 'vitest';
import { exposedFlagsOf, flagValueOf } from './exposed-values.ts';
import { buildRuleset } from './ruleset.ts';

const definition: FlagDefinition = {
  kind: 'flag',
  key: 'checkout-v2',
  version: 3,
  type: 'string',
  variations: { blue: { value: 'sky' }, red: { value: 'blood' } },
  enabled: true,
  offVariation: null,
  prerequisites: [],
  targets: [],
  rules: [
    {
      id: 'norwegians',
      when: { attribute: 'country', op: 'in', values: ['NO'] },
      serve: { variation: 'red' },
    },
  ],
  fallthrough: { variation: 'blue' },
  exposeToClients: true,
};

function valuesOf(objects: readonly WireObject[], context: EvaluationContext): unknown[] {
  return exposedFlagsOf(buildRuleset(objects)).map((flag) => flagValueOf(flag, flag.evaluate(context)));
}

describe('what a client key reads', () => {
  it('[W15] is the value and the reason of an answer, and no rule or revision', () => {
    const content = {
      kind: 'value',
      key: 'checkout-v2',
      type: 'string',
      value: 'blood',
      variation: 'red',
      reason: 'RULE_MATCH',
    } as const;
    expect(valuesOf([definition], { country: 'NO' })).toStrictEqual([
      { ...content, version: versionOfValue(content) },
    ]);
  });

  it('[W15] has no value where the fallback of the caller counts', () => {
    const [value] = valuesOf([{ ...definition, enabled: false }], {});
    expect(value).toMatchObject({ variation: null, reason: 'OFF' });
    expect(value).not.toHaveProperty('value');
  });

  it('[W15] says where everybody gets the same, and only of a fallthrough', () => {
    const plain = { ...definition, rules: [] };
    expect(valuesOf([plain], {})).toMatchObject([{ reason: 'FALLTHROUGH', isStatic: true }]);
    expect(valuesOf([definition], {})[0]).not.toHaveProperty('isStatic');
    expect(valuesOf([{ ...plain, enabled: false }], {})[0]).not.toHaveProperty('isStatic');
  });

  it('[W15] is of exposed flags only; a damaged one is not known to be exposed', () => {
    const { exposeToClients: _, ...hidden } = { ...definition, key: 'hidden' };
    const damaged = { kind: 'flag', key: 'damaged', version: 1, damage: 'x', opaque: true } as const;
    expect(valuesOf([hidden, damaged], {})).toEqual([]);
  });

  it('[W16] has the same version after an edit that leaves the answer as it was', () => {
    const rules = [
      { id: 'swedes', when: { attribute: 'country', op: 'in', values: ['SE'] }, serve: { variation: 'red' } },
    ] as const;
    const edited = { ...definition, version: 9, rules };
    expect(valuesOf([edited], {})).toEqual(valuesOf([definition], {}));
  });
});
