import { z } from 'zod';
import { FLAG_KINDS, FLAG_TYPES } from '../definition.ts';
import { LIMITS } from '../limits.ts';
import {
  ChangeReason,
  Description,
  Json,
  Key,
  MetadataSchema,
  Name,
  PageQuery,
  pageOf,
  Revision,
  Tags,
  Timestamp,
  WarningView,
} from './terms.ts';

export const VariationSchema = z
  .strictObject({ value: Json, name: Name.optional(), description: Description.optional() })
  .meta({ id: 'Variation' });

const Variations = z.record(Key, VariationSchema).refine(
  (variations) => {
    const count = Object.keys(variations).length;
    return count >= 1 && count <= LIMITS.variationsPerFlag;
  },
  {
    error: `must have 1 to ${LIMITS.variationsPerFlag} entries`,
    params: {
      rule: 'variation-count',
      limit: 'variationsPerFlag',
      remedy: 'Give the flag at least one variation, and not too many.',
    },
  },
);

const describing = {
  name: Name,
  description: Description,
  owner: Name.nullable(),
  tags: Tags,
  kind: z.enum(FLAG_KINDS),
  exposeToClients: z.boolean(),
  valueSchema: z.record(z.string(), Json).nullable().meta({
    description: 'JSON Schema (draft 2020-12) that every value of a json flag must satisfy.',
  }),
  metadata: MetadataSchema,
  expectedLifetimeDays: z.int().min(1).max(3650).nullable(),
};

/** A new flag. A boolean flag may leave `variations` out: `on` and `off` are made. */
export const FlagInput = z
  .strictObject({
    key: Key,
    type: z.enum(FLAG_TYPES).default('boolean'),
    variations: Variations.optional(),
    name: describing.name.optional(),
    description: describing.description.default(''),
    owner: describing.owner.default(null),
    tags: describing.tags.default([]),
    kind: describing.kind.default('release'),
    exposeToClients: describing.exposeToClients.default(false),
    valueSchema: describing.valueSchema.default(null),
    metadata: describing.metadata.default({}),
    expectedLifetimeDays: describing.expectedLifetimeDays.default(null),
    reuseArchivedKey: z.boolean().default(false).meta({
      description: 'Take over the key of an archived flag: a new flag with new seeds, the history breaks.',
    }),
    reason: ChangeReason.optional(),
  })
  .meta({ id: 'FlagInput' });

/** Replaces, whole, the fields that it names. Key and type stay for ever. */
export const FlagPatch = z
  .strictObject({
    ...z.object(describing).partial().shape,
    variations: Variations.optional(),
    archived: z.boolean().optional(),
    reason: ChangeReason.optional(),
  })
  .meta({ id: 'FlagPatch' });

/** Where a flag stands in one environment, for lists. */
export const FlagEnvironmentView = z
  .object({ enabled: z.boolean(), killed: z.boolean(), version: Revision })
  .meta({ id: 'FlagEnvironment' });

export const FlagView = z
  .object({
    ...describing,
    key: Key,
    type: z.enum(FLAG_TYPES),
    variations: z.record(Key, VariationSchema),
    archivedAt: Timestamp.nullable(),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    version: z.int().meta({ description: 'Counts edits of the flag itself; the ETag.' }),
    environments: z.record(Key, FlagEnvironmentView).meta({
      description: 'The environments in which the flag has a configuration.',
    }),
  })
  .meta({ id: 'Flag' });

/** What a write that touches all environments of a project answers with. */
export const RevisionsView = z
  .record(Key, Revision)
  .meta({ id: 'Revisions', description: 'The revision that the write made, by environment.' });

export const FlagWriteView = z
  .object({
    flag: FlagView,
    revision: Revision,
    revisions: RevisionsView,
    warnings: z
      .array(WarningView)
      .meta({ description: 'Of a write that archives: where it was evaluated lately.' }),
  })
  .meta({
    id: 'FlagWrite',
    description:
      'The flag as written. `revision` is the highest of `revisions`; 0 where no environment changed.',
  });

export const FlagPage = pageOf(FlagView, 'FlagPage');

export const FlagListQuery = PageQuery.extend({
  tag: Key.optional(),
  owner: z.string().optional(),
  kind: z.enum(FLAG_KINDS).optional(),
  q: z.string().max(200).optional().meta({ description: 'Text in key, name or description.' }),
  state: z.enum(['live', 'archived', 'all']).default('live'),
});

export type FlagInput = z.infer<typeof FlagInput>;
export type FlagPatch = z.infer<typeof FlagPatch>;
export type FlagView = z.infer<typeof FlagView>;
export type FlagListQuery = z.infer<typeof FlagListQuery>;
