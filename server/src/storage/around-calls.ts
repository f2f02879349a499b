/** Stands around each call of a port. It gives back what the call gives, or a promise of the same. */
export type AroundCall = <Answer>(operation: string, call: () => Answer) => Answer;

/** What tells of a port, and does nothing that takes time. */
const SILENT: ReadonlySet<PropertyKey> = new Set(['onCommit', 'onLoss', 'connections']);

/**
 * A port whose methods are called through `around`, those of a part of it (`exposures`) too.
 *
 * It follows whatever methods the port has, so that one which is added to it is measured and traced from its first day, in
 * every adapter.
 *
 * @example const timed = aroundCalls(storage, (operation, call) => timing(operation, call));
 */
export function aroundCalls<Port extends object>(port: Port, around: AroundCall, prefix = ''): Port {
  const known = new Map<PropertyKey, { readonly value: unknown; readonly wrapped: unknown }>();
  const wrap = (name: PropertyKey, value: unknown): unknown => {
    const operation = `${prefix}${String(name)}`;
    if (typeof value === 'function') {
      return (...args: unknown[]) => around(operation, () => Reflect.apply(value, port, args));
    }
    return typeof value === 'object' && value !== null ? aroundCalls(value, around, `${operation}.`) : value;
  };
  return new Proxy(port, {
    get: (target, name) => {
      // Not of the proxy: private fields are found on the object itself.
      const value: unknown = Reflect.get(target, name, target);
      if (SILENT.has(name)) return typeof value === 'function' ? value.bind(target) : value;
      const last = known.get(name);
      if (last !== undefined && last.value === value) return last.wrapped;
      const wrapped = wrap(name, value);
      known.set(name, { value, wrapped });
      return wrapped;
    },
  });
}

/** Tells how a call ended, once it has: a promise when it settles, anything else at once. */
export function whenEnded<Answer>(
  call: () => Answer,
  onEnd: (failure?: { readonly cause: unknown }) => void,
): Answer {
  let answer: Answer;
  try {
    answer = call();
  } catch (cause) {
    onEnd({ cause });
    throw cause;
  }
  if (!(answer instanceof Promise)) {
    onEnd();
    return answer;
  }
  answer.then(
    () => onEnd(),
    (cause: unknown) => onEnd({ cause }),
  );
  return answer;
}
