import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LayeredMap } from './layered-map.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e'] as const;
const key = fc.constantFrom(...KEYS);
const entries = fc.array(fc.tuple(key, fc.nat({ max: 3 })));
const layer = fc.array(fc.tuple(key, fc.option(fc.nat({ max: 3 }))));

test('[C1] layers over a map hold what a copy would, and leave the map as it was', () => {
  fc.assert(
    fc.property(entries, fc.array(layer, { minLength: 1, maxLength: 4 }), (first, layers) => {
      const base = new Map(first);
      const copy = new Map(base);
      let layered: ReadonlyMap<string, number> = base;
      for (const edited of layers) {
        layered = new LayeredMap(layered, new Map(edited));
        for (const [name, value] of new Map(edited)) {
          if (value === null) copy.delete(name);
          else copy.set(name, value);
        }
      }
      expect(new Map(layered)).toEqual(copy);
      expect(layered.size).toBe(copy.size);
      expect([...layered.keys()].sort()).toEqual([...copy.keys()].sort());
      expect([...layered.values()].sort()).toEqual([...copy.values()].sort());
      for (const name of KEYS) {
        expect([layered.has(name), layered.get(name)]).toEqual([copy.has(name), copy.get(name)]);
      }
      expect(base).toEqual(new Map(first));
    }),
  );
});

test('[C2] a layer knows which entries it edited, and only over the map that it lies on', () => {
  const base = new Map([
    ['same', 1],
    ['set', 1],
    ['removed', 1],
  ]);
  const edited = new Map([
    ['same', 1],
    ['set', 2],
    ['removed', null],
    ['new', 1],
  ]);
  const layered = new LayeredMap(new LayeredMap(base, edited), new Map([['never', null]]));
  expect(layered.keysEditedSince(base)).toEqual(['set', 'removed', 'new']);
  expect(layered.keysEditedSince(new Map(base))).toBeUndefined();
});
