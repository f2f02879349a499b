import type { Evaluation, FlagDefinition, FlagValue } from '@dimmer/schema';
import { versionOfValue } from '@dimmer/schema';
import type { CompiledFlag } from './compile.ts';
import type { Ruleset } from './ruleset.ts';

/** A flag whose values browsers may see. */
export interface ExposedFlag extends CompiledFlag {
  readonly definition: FlagDefinition & { readonly exposeToClients: true };
}

/**
 * The flags whose values a client key reads, in the order of the ruleset. Those that arrived damaged are not among
 * them: nothing says that they may be seen.
 *
 * @example exposedFlagsOf(ruleset).map((flag) => flagValueOf(flag, flag.evaluate(context)))
 */
export function exposedFlagsOf(ruleset: Ruleset): readonly ExposedFlag[] {
  return [...ruleset.flags.values()].filter(isExposed);
}

/** Whether a client key reads the flag's values. */
export function isExposed(flag: CompiledFlag): flag is ExposedFlag {
  return flag.definition?.exposeToClients === true;
}

/**
 * What a client key reads of an answer: the value and why. Everything else of the evaluation stays here, the rule
 * that decided and the revision of the definition among it.
 *
 * @param evaluation - One of the flag's own.
 * @example flagValueOf(flag, flag.evaluate({ targetingKey: 'user-1' }))
 */
export function flagValueOf({ key, definition }: ExposedFlag, evaluation: Evaluation): FlagValue {
  const { value, variation, reason, isStatic, errorCode, metadata } = evaluation;
  const content = {
    kind: 'value',
    key,
    type: definition.type,
    ...(value !== undefined && { value }),
    variation,
    reason,
    ...(reason === 'FALLTHROUGH' && isStatic && { isStatic }),
    ...(errorCode !== undefined && { errorCode }),
    ...(metadata !== undefined && { metadata }),
  } as const;
  return { ...content, version: versionOfValue(content) };
}
