/**
 * Freezes a JSON value with everything in it, so that no caller of a flag can change the value that all other
 * callers get. It keeps its own stack: nesting may be deeper than the engine's.
 */
export function deepFreeze(value: object): void {
  const waiting: object[] = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    Object.freeze(next);
    for (const inner of Object.values(next) as readonly unknown[]) {
      if (typeof inner === 'object' && inner !== null && !Object.isFrozen(inner)) waiting.push(inner);
    }
  }
}
