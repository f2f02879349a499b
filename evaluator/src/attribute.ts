import type { EvaluationContext } from '@dimmer/schema';

/** Reads one attribute; `undefined` when there is none or reading it throws. */
export type AttributeReader = (context: EvaluationContext) => unknown;

/**
 * Makes the reader of an attribute path. Dots separate steps into nested objects; arrays are not stepped
 * into. A name that every object inherits (`constructor`, `__proto__`) is read only where it is the object's
 * own, so that no context carries attributes that nobody put there.
 *
 * @example readerOf('organization.plan')({ organization: { plan: 'pro' } }) // 'pro'
 */
export function readerOf(path: string): AttributeReader {
  if (path === 'targetingKey') return readTargetingKey;
  const steps = path.split('.').map(stepOf);
  const [first] = steps;
  if (steps.length > 1 || first === undefined || first.ownOnly) return nestedReader(steps);
  return namedReader(first.name);
}

/** Whether an object can hold attributes by name. It may throw on a hostile proxy. */
function isNested(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Step {
  readonly name: string;
  readonly ownOnly: boolean;
}

function stepOf(name: string): Step {
  return { name, ownOnly: name in Object.prototype };
}

/** By far the most read attribute: a name known in the source is a faster load than one in a variable. */
function readTargetingKey(context: EvaluationContext): unknown {
  try {
    return context.targetingKey;
  } catch {
    return undefined;
  }
}

function namedReader(name: string): AttributeReader {
  return (context) => {
    try {
      return context[name];
    } catch {
      return undefined;
    }
  };
}

function nestedReader(steps: readonly Step[]): AttributeReader {
  return (context) => {
    try {
      return readSteps(context, steps);
    } catch {
      return undefined;
    }
  };
}

function readSteps(context: EvaluationContext, steps: readonly Step[]): unknown {
  let value: unknown = context;
  for (const step of steps) {
    if (!isNested(value) || (step.ownOnly && !Object.hasOwn(value, step.name))) return undefined;
    value = value[step.name];
  }
  return value;
}
