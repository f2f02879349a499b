/** Compiled objects that another one was compiled with, by key; `undefined` for one that was absent. */
export type Links = ReadonlyMap<string, object | undefined>;

/** The present state of every key that is referenced. */
export function linksTo(keys: readonly string[], compiled: ReadonlyMap<string, object>): Links {
  return new Map(keys.map((key) => [key, compiled.get(key)]));
}

/** Whether everything that was linked is still the same object, and what was absent still is. */
export function linksHold(links: Links, compiled: ReadonlyMap<string, object>): boolean {
  for (const [key, linked] of links) {
    if (compiled.get(key) !== linked) return false;
  }
  return true;
}
