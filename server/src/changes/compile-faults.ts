import { buildRuleset, type CompiledFlag } from '@dimmer/evaluator';
import type { EvaluationContext, WireObject } from '@dimmer/schema';
import { LIMITS } from '@dimmer/schema';
import { type Fault, limitFault } from './fault.ts';
import type { ObjectName } from './locate.ts';

/** A fault of one object, with a path that starts from the object. */
export interface ObjectFault {
  readonly object: ObjectName;
  readonly fault: Fault;
}

/**
 * Compiles objects with the evaluator that SDKs run, and tries every flag: what is wrong with them, one fault
 * per object.
 *
 * @param objects - Complete: with everything that they refer to, as far as it exists.
 */
export function faultsOfCompiling(objects: readonly WireObject[]): ObjectFault[] {
  const ruleset = buildRuleset(objects);
  const faults: ObjectFault[] = [];
  for (const [key, segment] of ruleset.segments) {
    const fault = faultOf(segment, 'segmentDepth', '$.when');
    if (fault !== undefined) faults.push({ object: { kind: 'segment', key }, fault });
  }
  for (const [key, flag] of ruleset.flags) {
    const fault = faultOf(flag, 'prerequisiteDepth', '$.prerequisites') ?? faultOfTrial(flag);
    if (fault !== undefined) faults.push({ object: { kind: 'flag', key }, fault });
  }
  return faults;
}

/** What flags and segments have in common once compiled. */
interface Compiled {
  readonly depth: number;
  readonly defect?: { readonly path: string; readonly detail: string };
}

type DepthLimit = 'segmentDepth' | 'prerequisiteDepth';

function faultOf({ depth, defect }: Compiled, limit: DepthLimit, chain: string): Fault | undefined {
  if (defect !== undefined) {
    const isCycle = depth === Number.POSITIVE_INFINITY;
    return {
      path: defect.path,
      message: messageOf(defect),
      ...(isCycle ? cycleWords[limit] : wordsAt(defect.path)),
    };
  }
  if (depth <= LIMITS[limit]) return undefined;
  return limitFault(chain, limit, depth, 'the length of the chain that starts here');
}

/** The path is told apart, so it need not begin the message too. */
function messageOf({ path, detail }: { readonly path: string; readonly detail: string }): string {
  const prefix = `${path}: `;
  return detail.startsWith(prefix) ? detail.slice(prefix.length) : detail;
}

type Words = Pick<Fault, 'rule' | 'remedy'>;

const cycleWords: { readonly [limit in DepthLimit]: Words } = {
  prerequisiteDepth: {
    rule: 'prerequisite-cycle',
    remedy: 'Remove one of the prerequisites that close the cycle.',
  },
  segmentDepth: { rule: 'segment-cycle', remedy: 'Remove one of the conditions that close the cycle.' },
};

const wordsByPlace: readonly { readonly place: RegExp; readonly words: Words }[] = [
  {
    place: /^\$\.prerequisites\[\d+\]\.flag$/,
    words: {
      rule: 'unknown-prerequisite',
      remedy: 'Create the flag, give it a configuration in this environment, or remove the prerequisite.',
    },
  },
  {
    place: /\.variation$/,
    words: { rule: 'unknown-variation', remedy: 'Name a variation that the flag has, or add it first.' },
  },
  {
    place: /\.segment$/,
    words: {
      rule: 'unknown-segment',
      remedy: 'Create the segment in this environment, or remove the condition.',
    },
  },
  {
    place: /\.values\[\d+\]$/,
    words: { rule: 'value-form', remedy: 'Write the value in that form, or use another operator.' },
  },
];

function wordsAt(path: string): Words {
  const found = wordsByPlace.find(({ place }) => place.test(path));
  return found?.words ?? { rule: 'definition', remedy: 'Correct it there.' };
}

/** Everybody, somebody, and somebody whose attributes are of no use. */
const trialContexts: readonly EvaluationContext[] = [
  {},
  {
    targetingKey: 'user-1',
    country: 'NO',
    email: 'user@example.com',
    plan: 'pro',
    age: 42,
    version: '1.2.3',
  },
  { targetingKey: '\ud800', country: Number.NaN, email: [], plan: null, age: {}, version: [['']] },
];

function faultOfTrial({ evaluate }: CompiledFlag): Fault | undefined {
  try {
    for (const context of trialContexts) evaluate(context);
    return undefined;
  } catch (error) {
    return {
      path: '$',
      rule: 'evaluation',
      message: `cannot be evaluated: ${error instanceof Error ? error.message : 'it throws'}`,
      remedy: 'Simplify the configuration, and report it with this message.',
    };
  }
}
