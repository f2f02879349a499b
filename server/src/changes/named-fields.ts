/** The fields of a patch that it names; zod leaves those out that it does not, or sets them to `undefined`. */
export type NamedFields<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** @example namedFields({ name: 'Checkout', tags: undefined }) // { name: 'Checkout' } */
export function namedFields<T extends object>(patch: T): NamedFields<T> {
  const named = Object.entries(patch).filter(([, value]) => value !== undefined);
  // `Object.fromEntries` forgets which keys there are; filtering entries adds none.
  return Object.fromEntries(named) as NamedFields<T>;
}
