import { objectHolds } from './object-holds.ts';
import type { ValueTest } from './operators.ts';
import type { Predicate } from './predicate.ts';

/**
 * The conditions that are asked most, each read and judged in one closure.
 *
 * They answer what the general way answers (reader, then test), at half its price: every operator has a load
 * of its own in the source, which the engine can specialise for the names that it meets there, and one call
 * takes the place of three. `test/bench/evaluation` shows what that is worth.
 *
 * @param name - Attribute path; only a single name that no object inherits is fused.
 * @param values - Valid for the operator.
 * @param test - The operator's own test, for the elements of lists.
 * @returns `undefined` where the general way has to be taken.
 */
export function fuse(
  name: string,
  op: string,
  values: readonly unknown[],
  test: ValueTest,
): Predicate | undefined {
  if (name.includes('.') || name in Object.prototype) return undefined;
  return fusers.get(op)?.(name, values, test);
}

type Fuser = (name: string, values: readonly unknown[], test: ValueTest) => Predicate | undefined;

const fusers: ReadonlyMap<string, Fuser> = new Map<string, Fuser>([
  [
    'in',
    (name, values, test) => (values.length === 1 ? equal(name, values[0], test) : among(name, values, test)),
  ],
  ['startsWith', ofText(startsWith)],
  ['endsWith', ofText(endsWith)],
  ['contains', ofText(contains)],
  ['lt', (name, values, test) => below(name, Math.max(...values.filter(isNumber)), test)],
  ['lte', (name, values, test) => atMost(name, Math.max(...values.filter(isNumber)), test)],
  ['gt', (name, values, test) => above(name, Math.min(...values.filter(isNumber)), test)],
  ['gte', (name, values, test) => atLeast(name, Math.min(...values.filter(isNumber)), test)],
]);

function ofText(make: (name: string, part: string, test: ValueTest) => Predicate): Fuser {
  return (name, values, test) => {
    const [part] = values;
    return values.length === 1 && typeof part === 'string' ? make(name, part, test) : undefined;
  };
}

function equal(name: string, only: unknown, test: ValueTest): Predicate {
  return (context) => {
    try {
      const value = context[name];
      return value === only || (typeof value === 'object' && objectHolds(value, test));
    } catch {
      return false;
    }
  };
}

function among(name: string, values: readonly unknown[], test: ValueTest): Predicate {
  const members = new Set(values);
  return (context) => {
    try {
      const value = context[name];
      return typeof value === 'object' ? objectHolds(value, test) : members.has(value);
    } catch {
      return false;
    }
  };
}

function startsWith(name: string, part: string, test: ValueTest): Predicate {
  return (context) => {
    try {
      const value = context[name];
      if (typeof value === 'string') return value.startsWith(part);
      return typeof value === 'object' && objectHolds(value, test);
    } catch {
      return false;
    }
  };
}

function endsWith(name: string, part: string, test: ValueTest): Predicate {
  return (context) => {
    try {
      const value = context[name];
      if (typeof value === 'string') return value.endsWith(part);
      return typeof value === 'object' && objectHolds(value, test);
    } catch {
      return false;
    }
  };
}

function contains(name: string, part: string, test: ValueTest): Predicate {
  return (context) => {
    try {
      const value = context[name];
      if (typeof value === 'string') return value.includes(part);
      return typeof value === 'object' && objectHolds(value, test);
    } catch {
      return false;
    }
  };
}

function below(name: string, bound: number, test: ValueTest): Predicate {
  return (context) => {
    try {
      const value = context[name];
      if (typeof value === 'number') return value < bound && value !== Number.NEGATIVE_INFINITY;
      return typeof value === 'object' && objectHolds(value, test);
    } catch {
      return false;
    }
  };
}

function atMost(name: string, bound: number, test: ValueTest): Predicate {
  return (context) => {
    try {
      const value = context[name];
      if (typeof value === 'number') return value <= bound && value !== Number.NEGATIVE_INFINITY;
      return typeof value === 'object' && objectHolds(value, test);
    } catch {
      return false;
    }
  };
}

function above(name: string, bound: number, test: ValueTest): Predicate {
  return (context) => {
    try {
      const value = context[name];
      if (typeof value === 'number') return value > bound && value !== Number.POSITIVE_INFINITY;
      return typeof value === 'object' && objectHolds(value, test);
    } catch {
      return false;
    }
  };
}

function atLeast(name: string, bound: number, test: ValueTest): Predicate {
  return (context) => {
    try {
      const value = context[name];
      if (typeof value === 'number') return value >= bound && value !== Number.POSITIVE_INFINITY;
      return typeof value === 'object' && objectHolds(value, test);
    } catch {
      return false;
    }
  };
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}
