import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { dependencyOrder, endlessChain } from './dependency-order.ts';

const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const graphs = fc
  .dictionary(keys, fc.uniqueArray(keys, { maxLength: 3 }))
  .map((references): ReadonlyMap<string, string[]> => new Map(Object.entries(references)));

test('[E13] every key comes once, behind those that it references, or is endless', () => {
  fc.assert(
    fc.property(graphs, (references) => {
      const { ordered, depths, endless } = dependencyOrder(references);
      expect([...ordered, ...endless].toSorted()).toEqual([...references.keys()].toSorted());
      for (const [index, key] of ordered.entries()) {
        const known = (references.get(key) ?? []).filter((target) => references.has(target));
        expect(ordered.slice(0, index)).toEqual(expect.arrayContaining(known));
        expect(depths.get(key)).toBe(1 + Math.max(0, ...known.map((target) => depths.get(target) ?? 0)));
      }
    }),
  );
});

test('[E13] from every endless key a way along references comes back to itself', () => {
  fc.assert(
    fc.property(graphs, (references) => {
      const { endless } = dependencyOrder(references);
      for (const key of endless) {
        const chain = endlessChain(key, references, endless);
        expect(chain[0]).toBe(key);
        expect(chain.indexOf(chain.at(-1) ?? '')).toBeLessThan(chain.length - 1);
        for (const [index, step] of chain.slice(1).entries()) {
          expect(references.get(chain[index] ?? '')).toContain(step);
        }
      }
    }),
  );
});
