/** In which order objects that reference each other can be compiled. */
export interface DependencyOrder {
  /** Keys whose references all come before them. */
  readonly ordered: readonly string[];
  /** For each of these: objects from it to the end of its longest chain of references, itself included. */
  readonly depths: ReadonlyMap<string, number>;
  /** Keys whose chain of references never ends: in a cycle, or leading into one. */
  readonly endless: ReadonlySet<string>;
}

/**
 * Orders keys by their references, without recursion, so that no chain is too long for the stack. References
 * to keys that are not in the map are left out.
 *
 * @see https://en.wikipedia.org/wiki/Topological_sorting - Kahn's algorithm
 * @example dependencyOrder(new Map([['a', ['b']], ['b', []]])).ordered // ['b', 'a']
 */
export function dependencyOrder(references: ReadonlyMap<string, readonly string[]>): DependencyOrder {
  const { waiting, dependents } = invert(references);
  const ordered = [...waiting.keys()].filter((key) => waiting.get(key) === 0);
  const depths = new Map(ordered.map((key) => [key, 1]));
  // The list grows while it is walked: whoever waits for nothing any more is appended.
  for (const key of ordered) {
    const depth = (depths.get(key) ?? 0) + 1;
    for (const dependent of dependents.get(key) ?? []) {
      depths.set(dependent, Math.max(depth, depths.get(dependent) ?? 0));
      const left = (waiting.get(dependent) ?? 0) - 1;
      waiting.set(dependent, left);
      if (left === 0) ordered.push(dependent);
    }
  }
  const endless = new Set([...references.keys()].filter((key) => (waiting.get(key) ?? 0) > 0));
  for (const key of endless) depths.delete(key);
  return { ordered, depths, endless };
}

/**
 * A way along references that never ends, up to and including the first key that comes up again.
 *
 * @example endlessChain('a', new Map([['a', ['b']], ['b', ['a']]]), new Set(['a', 'b'])) // ['a', 'b', 'a']
 */
export function endlessChain(
  start: string,
  references: ReadonlyMap<string, readonly string[]>,
  endless: ReadonlySet<string>,
): readonly string[] {
  const seen = new Set<string>();
  let key = start;
  while (!seen.has(key)) {
    seen.add(key);
    key = references.get(key)?.find((next) => endless.has(next)) ?? key;
  }
  return [...seen, key];
}

function invert(references: ReadonlyMap<string, readonly string[]>): {
  readonly waiting: Map<string, number>;
  readonly dependents: Map<string, string[]>;
} {
  const waiting = new Map<string, number>();
  const dependents = new Map<string, string[]>();
  for (const [key, targets] of references) {
    let count = 0;
    for (const target of targets) {
      if (!references.has(target)) continue;
      count += 1;
      const list = dependents.get(target);
      if (list === undefined) dependents.set(target, [key]);
      else list.push(key);
    }
    waiting.set(key, count);
  }
  return { waiting, dependents };
}
