/** An object of an environment. */
export interface ObjectName {
  readonly kind: 'flag' | 'segment';
  readonly key: string;
}

/**
 * Where in a request's body an object was given, as JSONPath, so that a fault of the whole names a place in the
 * body. `undefined` for an object that the body does not hold.
 */
export type Locate = (object: ObjectName) => string | undefined;

/** For bodies that are one object. */
export const atRoot: Locate = () => '$';

/** For bodies that hold many objects. */
export function locateBy(paths: ReadonlyMap<string, string>): Locate {
  return ({ kind, key }) => paths.get(`${kind}/${key}`);
}
