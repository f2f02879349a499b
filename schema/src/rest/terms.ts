import { z } from 'zod';
import type { JsonValue } from '../definition.ts';
import { KEY_LENGTH_MAX, KEY_PATTERN } from '../key.ts';
import { LIMITS } from '../limits.ts';
import { chosenUnion } from './chosen-union.ts';

/** A key of a flag, variation, segment, project or environment. */
export const Key = z
  .string()
  .max(KEY_LENGTH_MAX, { abort: true })
  .regex(
    KEY_PATTERN,
    'must be a letter or digit, then at most 99 letters, digits, dots, dashes or underscores',
  )
  .meta({ id: 'Key', examples: ['checkout-v2'] });

export const Name = z.string().trim().min(1).max(LIMITS.nameCharacters);
export const Description = z.string().max(LIMITS.descriptionCharacters);
export const Tags = z.array(Key).max(LIMITS.tagsPerFlag);

/** Why a change is made; kept in the history. */
export const ChangeReason = z.string().trim().min(1).max(LIMITS.descriptionCharacters);

/** ISO 8601 with offset, as every time in the API. */
export const Timestamp = z.iso.datetime({ offset: true }).meta({ id: 'Timestamp' });

/** A revision of one environment. */
export const Revision = z.int().min(0).meta({ id: 'Revision' });

/** A revision, or a time that stands for the last revision at or before it. */
export const Point = z.union([Revision, Timestamp]).meta({
  id: 'Point',
  description: 'A revision, or a time: the last revision at or before it.',
});

const JSON_KINDS = ['null', 'boolean', 'number', 'string', 'array', 'object'];

/** Any JSON value. Not `z.json()`, which cannot refer to itself by name and has no end in an OpenAPI document. */
export const Json: z.ZodType<JsonValue> = z
  .lazy(() =>
    chosenUnion(
      [z.null(), z.boolean(), z.number(), z.string(), z.array(Json), z.record(z.string(), Json)],
      (value) => JSON_KINDS.indexOf(kindOf(value)),
    ),
  )
  .meta({ id: 'Json' });

/** Small facts handed to callers with every evaluation. */
export const MetadataSchema = z
  .record(Key, z.union([z.string().max(LIMITS.descriptionCharacters), z.number(), z.boolean()]))
  .refine((metadata) => Object.keys(metadata).length <= LIMITS.metadataEntries, {
    error: `must have at most ${LIMITS.metadataEntries} entries`,
    params: {
      rule: 'metadata-entries',
      limit: 'metadataEntries',
      remedy: 'Keep only what callers read.',
    },
  })
  .meta({ id: 'Metadata' });

/** Something that a write could not carry over, or that the reader should know. */
export const WarningView = z
  .object({ flag: Key, rule: z.string(), message: z.string() })
  .meta({ id: 'Warning' });

/** A page of a list; `next` is the cursor of the page after it, absent on the last. */
export function pageOf<T extends z.ZodType>(item: T, id: string) {
  return z.object({ items: z.array(item), next: z.string().optional() }).meta({ id });
}

/** Query of every list: how many, and where to go on. */
export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: z.string().max(500).optional(),
});

/** A query flag: `?dryRun=true`. */
export const QueryFlag = z.enum(['true', 'false']).transform((value) => value === 'true');

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
