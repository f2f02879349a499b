import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { AttributePath, ConditionSchema } from './configurations.ts';
import { listOf } from './list-of.ts';
import { ChangeReason, Description, Key, Name, pageOf, Revision, Tags } from './terms.ts';

const Subjects = listOf(z.string().min(1).max(LIMITS.descriptionCharacters));

const fields = {
  name: Name,
  description: Description,
  tags: Tags,
  by: AttributePath,
  included: Subjects,
  excluded: Subjects,
  when: ConditionSchema.nullable(),
};

const defaulted = {
  name: fields.name.optional(),
  description: fields.description.default(''),
  tags: fields.tags.default([]),
  by: fields.by.default('targetingKey'),
  included: fields.included.default([]),
  excluded: fields.excluded.default([]),
  when: fields.when.default(null),
};

/** A new segment. */
export const SegmentInput = z
  .strictObject({ key: Key, ...defaulted, reason: ChangeReason.optional() })
  .meta({ id: 'SegmentInput' });

/** PUT: the whole segment. */
export const SegmentReplacement = z
  .strictObject({
    ...defaulted,
    key: z.unknown().optional(),
    environment: z.unknown().optional(),
    version: z.unknown().optional(),
    revision: z.unknown().optional(),
    reason: ChangeReason.optional(),
  })
  .meta({ id: 'SegmentReplacement' });

/** PATCH: replaces, whole, the fields that it names. */
export const SegmentPatch = z
  .strictObject({ ...z.object(fields).partial().shape, reason: ChangeReason.optional() })
  .meta({ id: 'SegmentPatch' });

export const SegmentView = z
  .object({
    key: Key,
    environment: Key,
    ...fields,
    version: Revision.meta({ description: "The environment's revision at which it last changed; the ETag." }),
    revision: Revision,
  })
  .meta({ id: 'Segment' });

export const SegmentPage = pageOf(SegmentView, 'SegmentPage');

export type SegmentInput = z.infer<typeof SegmentInput>;
export type SegmentReplacement = z.infer<typeof SegmentReplacement>;
export type SegmentPatch = z.infer<typeof SegmentPatch>;
export type SegmentView = z.infer<typeof SegmentView>;
