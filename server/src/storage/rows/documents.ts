import type { BucketRange, Condition, JsonValue, WireObject } from '@dimmer/schema';
import { decodeObject, FLAG_KINDS, FLAG_TYPES } from '@dimmer/schema';
import { z } from 'zod';
import type { Configuration, Flag, Kill } from '../../flags/flag.ts';
import type { Segment } from '../../segments/segment.ts';
import type { AuditEntry, FlagDocument, Reply } from '../storage.ts';

/** A document, or what is wrong with it. */
export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/*
 * How documents must look for the code to rely on them, and no more: a newer release may add fields and
 * operators, which are kept as they are, and what a rule means is judged where it is compiled.
 */
const value = z.custom<JsonValue>((candidate) => candidate !== undefined, 'must be JSON');
const condition = z.custom<Condition>(isObject, 'must be a condition');
const names = z.array(z.string());

const flag: z.ZodType<Flag> = z.looseObject({
  key: z.string(),
  type: z.enum(FLAG_TYPES),
  kind: z.enum(FLAG_KINDS),
  variations: z.record(
    z.string(),
    z.looseObject({
      value,
      name: z.string().exactOptional(),
      description: z.string().exactOptional(),
    }),
  ),
  name: z.string(),
  description: z.string(),
  owner: z.string().nullable(),
  tags: names,
  exposeToClients: z.boolean(),
  valueSchema: z.record(z.string(), value).nullable(),
  metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  expectedLifetimeDays: z.number().nullable(),
  archivedAt: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
  version: z.int(),
});

const range: z.ZodType<BucketRange> = z.tuple([z.int(), z.int(), z.string()]);

const serve = z.union([
  z.looseObject({ variation: z.string() }),
  z.looseObject({
    rollout: z.looseObject({
      by: z.string(),
      weights: z.record(z.string(), z.number()),
      algorithm: z.string(),
      seed: z.int(),
      ranges: z.array(range),
    }),
  }),
]);

const configuration: z.ZodType<Configuration> = z.looseObject({
  enabled: z.boolean(),
  offVariation: z.string().nullable(),
  prerequisites: z.array(z.looseObject({ flag: z.string(), variation: z.string() })),
  targets: z.array(z.looseObject({ variation: z.string(), by: z.string(), values: names })),
  rules: z.array(z.looseObject({ id: z.string(), when: condition, serve })),
  fallthrough: serve,
});

const kill: z.ZodType<Kill> = z.looseObject({
  reason: z.string(),
  by: z.string(),
  at: z.string(),
  expiresAt: z.string().exactOptional(),
});

const segment: z.ZodType<Segment> = z.looseObject({
  key: z.string(),
  name: z.string(),
  description: z.string(),
  tags: names,
  by: z.string(),
  included: names,
  excluded: names,
  when: condition.nullable(),
});

const place = z.object({ configuration, kill: kill.nullable() });
const flagDocument: z.ZodType<FlagDocument> = z.object({ flag, configuration, kill: kill.nullable() });
const reply: z.ZodType<Reply> = z.object({ status: z.int(), etag: z.string().nullable(), body: value });
const revisions: z.ZodType<AuditEntry['revisions']> = z.record(z.string(), z.int());

/** What the `configurations` table keeps in its document. */
export type ConfigurationDocument = z.infer<typeof place>;

export const readFlag = readerOf(flag);
export const readConfiguration = readerOf(place);
export const readSegment = readerOf(segment);
export const readFlagDocument = readerOf(flagDocument);
export const readReply = readerOf(reply);
export const readDetails = readerOf(value);
export const readRevisions = readerOf(revisions);

/**
 * Reads what SDKs receive. A damaged definition comes back opaque, with the place that the row says it has,
 * so that the digest of its snapshot still adds up and the other objects live on.
 */
export function readDefinition(
  text: string,
  row: { readonly kind: string; readonly key: string; readonly version: number },
): WireObject {
  const { kind, key, version } = row;
  const parsed = parse(text);
  if (!parsed.ok) return { kind, key, version, damage: parsed.problem, opaque: true };
  const object = decodeObject(parsed.value);
  if (object?.kind === kind && object.key === key) return object;
  return { kind, key, version, damage: 'it does not name itself as its row does', opaque: true };
}

function readerOf<T>(schema: z.ZodType<T>): (text: string) => Read<T> {
  return (text) => {
    const parsed = parse(text);
    if (!parsed.ok) return parsed;
    const checked = schema.safeParse(parsed.value);
    return checked.success
      ? { ok: true, value: checked.data }
      : { ok: false, problem: z.prettifyError(checked.error) };
  };
}

function parse(text: string): Read<unknown> {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false, problem: 'it is not JSON' };
  }
}

function isObject(candidate: unknown): boolean {
  return typeof candidate === 'object' && candidate !== null && !Array.isArray(candidate);
}
