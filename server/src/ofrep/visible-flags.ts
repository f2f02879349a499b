import type { CompiledFlag, Ruleset } from '@dimmer/evaluator';
import { exposedFlagsOf, isExposed } from '@dimmer/evaluator';

/** Whose flags they are: a server key sees all, a client key those that are exposed to clients. */
export type Audience = 'server' | 'client';

/** The flags that a key sees, in the order of the ruleset. */
export function visibleFlagsOf(ruleset: Ruleset, audience: Audience): Iterable<CompiledFlag> {
  return audience === 'server' ? ruleset.flags.values() : exposedFlagsOf(ruleset);
}

/** A flag, where the key sees it. */
export function visibleFlagOf(ruleset: Ruleset, audience: Audience, key: string): CompiledFlag | undefined {
  const flag = ruleset.flags.get(key);
  return flag !== undefined && (audience === 'server' || isExposed(flag)) ? flag : undefined;
}
