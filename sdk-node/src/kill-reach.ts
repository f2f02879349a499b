import type { Ruleset } from '@dimmer/evaluator';

/**
 * The flags that a change switches off by a kill: those that were killed with it, and those that need one of
 * them, directly or through others.
 *
 * @param changed - Keys of the flags that the change touched.
 */
export function killReach(
  before: Ruleset | undefined,
  after: Ruleset,
  changed: readonly string[],
): ReadonlySet<string> {
  const reached = new Set(changed.filter((key) => isKilled(after, key) && !isKilled(before, key)));
  if (reached.size === 0) return reached;
  // A set visits what is added to it while it is walked: each round finds those who need the last one found.
  for (const killed of reached) {
    for (const [key, { definition }] of after.flags) {
      if (definition?.prerequisites.some(({ flag }) => flag === killed)) reached.add(key);
    }
  }
  return reached;
}

function isKilled(ruleset: Ruleset | undefined, key: string): boolean {
  return ruleset?.flags.get(key)?.definition?.killed === true;
}
