import type { FlagInput } from '@dimmer/schema/rest';
import type { EditContext } from '../changes/edit.ts';
import { type Fault, unlessFaulty } from '../changes/fault.ts';
import type { Result } from '../changes/result.ts';
import type { Flag, Variation } from './flag.ts';
import { faultsOfFlag } from './flag-faults.ts';

/** What a new flag is made from; the name is the key unless given. */
export type NewFlag = Omit<FlagInput, 'reuseArchivedKey' | 'reason'>;

/**
 * A new flag, or what is wrong with it. Boolean flags may leave the variations out: `on` and `off` are made.
 *
 * @param previousVersion - The last version of the archived flag whose key it takes over, else 0: the count
 *   goes on, so that an `If-Match` of the old flag never fits the new one.
 * @example newFlag(FlagInput.parse({ key: 'checkout-v2' }), context, 0)
 */
export function newFlag(input: NewFlag, context: EditContext, previousVersion: number): Result<Flag> {
  const given = input.variations === undefined ? undefined : variationsOf(input.variations);
  const variations = given ?? (input.type === 'boolean' ? onAndOff : undefined);
  const faults =
    variations === undefined ? [missingVariations(input.type)] : faultsOfFlag({ ...input, variations });
  return unlessFaulty(faults, () => ({
    key: input.key,
    type: input.type,
    kind: input.kind,
    variations: variations ?? {},
    name: input.name ?? input.key,
    description: input.description,
    owner: input.owner,
    tags: input.tags,
    exposeToClients: input.exposeToClients,
    valueSchema: input.valueSchema,
    metadata: input.metadata,
    expectedLifetimeDays: input.expectedLifetimeDays,
    archivedAt: null,
    createdAt: context.now,
    updatedAt: context.now,
    version: previousVersion + 1,
  }));
}

/** Variations as a flag keeps them: without the optional fields that were left out. */
export function variationsOf(asked: NonNullable<FlagInput['variations']>): Flag['variations'] {
  const variations = Object.entries(asked).map(
    ([name, variation]) => [name, variationOf(variation)] as const,
  );
  return Object.fromEntries(variations);
}

const onAndOff: { readonly [name: string]: Variation } = { on: { value: true }, off: { value: false } };

function variationOf({ value, name, description }: NonNullable<FlagInput['variations']>[string]): Variation {
  return { value, ...(name !== undefined && { name }), ...(description !== undefined && { description }) };
}

function missingVariations(type: string): Fault {
  return {
    path: '$.variations',
    rule: 'variations-required',
    message: `is missing: only boolean flags get variations by themselves, and this one is a ${type} flag`,
    remedy: 'Name at least one variation with its value.',
  };
}
