import { z } from 'zod';
import type { Condition } from '../definition.ts';
import { BUCKETING_ALGORITHM, BUCKETS, OPERATORS } from '../definition.ts';
import { LIMITS } from '../limits.ts';
import { chooseByMember, chosenUnion } from './chosen-union.ts';
import { listOf } from './list-of.ts';
import { ChangeReason, Key, Revision, Timestamp } from './terms.ts';

/** A path into the context: `country`, `organization.plan`. */
export const AttributePath = z
  .string()
  .min(1)
  .max(LIMITS.nameCharacters)
  .regex(/^[^.]+(\.[^.]+)*$/, 'must be attribute names joined by single dots')
  .meta({ id: 'AttributePath', examples: ['targetingKey', 'organization.plan'] });

const By = AttributePath.default('targetingKey');
const Subjects = listOf(z.string().min(1).max(LIMITS.descriptionCharacters));

const AttributeConditionSchema = z
  .strictObject({
    attribute: AttributePath,
    op: z.enum(OPERATORS),
    values: z
      .array(z.union([z.string().max(LIMITS.descriptionCharacters), z.number(), z.boolean()]))
      .max(LIMITS.valuesPerCondition)
      .optional(),
  })
  .meta({ id: 'AttributeCondition' });

/** Conditions nest; how deep is a limit that the server checks. */
export const ConditionSchema: z.ZodType<Condition> = z
  .lazy(() =>
    chosenUnion(
      [
        z.strictObject({ all: listOf(ConditionSchema) }),
        z.strictObject({ any: listOf(ConditionSchema) }),
        z.strictObject({ not: ConditionSchema }),
        z.strictObject({ segment: Key }),
        AttributeConditionSchema as unknown as z.ZodType<Condition>,
      ],
      chooseByMember(['all', 'any', 'not', 'segment', 'attribute']),
    ),
  )
  .meta({ id: 'Condition' });

/** Percent with at most three decimals. */
const Weight = z
  .number()
  .min(0)
  .max(100)
  .refine((weight) => Math.abs(weight * 1000 - Math.round(weight * 1000)) < 1e-6, {
    error: 'must have at most three decimals',
    params: { rule: 'weight-step', remedy: 'Round the weight to steps of 0.001 %.' },
  });

const Weights = z
  .record(Key, Weight)
  .refine(
    (weights) =>
      Object.values(weights).reduce((sum, weight) => sum + Math.round(weight * 1000), 0) === BUCKETS,
    {
      error: (issue) => `must add up to 100, not ${sumOf(issue.input)}`,
      params: { rule: 'weights-sum', remedy: 'Make the weights of all variations add up to exactly 100.' },
    },
  )
  .meta({ id: 'Weights', examples: [{ on: 10, off: 90 }] });

const BucketRangeSchema = z
  .tuple([z.int().min(0).max(BUCKETS), z.int().min(0).max(BUCKETS), Key])
  .meta({ id: 'BucketRange' });

/** A split by percent. Seed and ranges may be left out: the server keeps or makes them. */
export const RolloutInput = z
  .strictObject({
    by: By,
    weights: Weights,
    seed: z.int().min(0).max(0xffff_ffff).optional().meta({
      description: 'Unsigned 32-bit seed. Left out: kept from the rollout that is replaced, else random.',
    }),
    algorithm: z.literal(BUCKETING_ALGORITHM).optional(),
    ranges: z.array(BucketRangeSchema).max(LIMITS.rangesPerRollout).optional().meta({
      description:
        'Where to plan from. Left out: the ranges of the rollout that is replaced. Ranges that already match the weights are kept as they are.',
    }),
  })
  .meta({ id: 'RolloutInput' });

export const ServeInput = z
  .union([z.strictObject({ variation: Key }), z.strictObject({ rollout: RolloutInput })])
  .meta({ id: 'ServeInput' });

export const PrerequisiteSchema = z.strictObject({ flag: Key, variation: Key }).meta({ id: 'Prerequisite' });

export const TargetInput = z
  .strictObject({ variation: Key, by: By, values: Subjects })
  .meta({ id: 'TargetInput' });

export const RuleInput = z
  .strictObject({ id: Key, when: ConditionSchema, serve: ServeInput })
  .meta({ id: 'RuleInput' });

const editableFields = {
  enabled: z.boolean(),
  offVariation: Key.nullable(),
  prerequisites: z.array(PrerequisiteSchema).max(LIMITS.prerequisiteDepth * 10),
  targets: listOf(TargetInput),
  rules: z.array(RuleInput).max(LIMITS.rulesPerFlag),
  fallthrough: ServeInput,
};

/** Fields that a GET answers with; accepted and ignored, so that its answer can be edited and sent back. */
const readOnlyFields = {
  flag: z.unknown().optional(),
  environment: z.unknown().optional(),
  version: z.unknown().optional(),
  revision: z.unknown().optional(),
  kill: z.unknown().optional(),
};

const reasonField = { reason: ChangeReason.optional() };

/** PUT: everything, except that lists may be left out where they are empty. */
export const ConfigurationInput = z
  .strictObject({
    ...editableFields,
    prerequisites: editableFields.prerequisites.default([]),
    targets: editableFields.targets.default([]),
    rules: editableFields.rules.default([]),
    ...readOnlyFields,
    ...reasonField,
  })
  .meta({ id: 'ConfigurationInput' });

/** PATCH: replaces, whole, the top-level fields that it names. */
export const ConfigurationPatch = z
  .strictObject({ ...z.object(editableFields).partial().shape, ...readOnlyFields, ...reasonField })
  .meta({ id: 'ConfigurationPatch' });

export const RolloutView = z
  .object({
    by: AttributePath,
    weights: z.record(Key, z.number()),
    seed: z.int(),
    algorithm: z.string(),
    ranges: z.array(BucketRangeSchema),
  })
  .meta({ id: 'Rollout' });

const ServeView = z
  .union([z.object({ variation: Key }), z.object({ rollout: RolloutView })])
  .meta({ id: 'Serve' });

export const KillView = z
  .object({
    reason: z.string(),
    by: z.string().meta({ description: 'Name of the key that killed it.' }),
    at: Timestamp,
    expiresAt: Timestamp.optional(),
  })
  .meta({ id: 'Kill' });

export const ConfigurationView = z
  .object({
    flag: Key,
    environment: Key,
    enabled: z.boolean(),
    offVariation: Key.nullable(),
    prerequisites: z.array(PrerequisiteSchema),
    targets: z.array(z.object({ variation: Key, by: AttributePath, values: z.array(z.string()) })),
    rules: z.array(z.object({ id: Key, when: ConditionSchema, serve: ServeView })),
    fallthrough: ServeView,
    kill: KillView.nullable(),
    version: Revision.meta({
      description: "The environment's revision at which this last changed; the ETag.",
    }),
    revision: Revision.meta({ description: "The environment's revision now." }),
  })
  .meta({ id: 'Configuration' });

export type RolloutInput = z.infer<typeof RolloutInput>;
export type ServeInput = z.infer<typeof ServeInput>;
export type RuleInput = z.infer<typeof RuleInput>;
export type TargetInput = z.infer<typeof TargetInput>;
export type ConfigurationInput = z.infer<typeof ConfigurationInput>;
export type ConfigurationPatch = z.infer<typeof ConfigurationPatch>;
export type ConfigurationView = z.infer<typeof ConfigurationView>;

function sumOf(weights: unknown): number {
  const values = Object.values(weights as Record<string, unknown>);
  const sum = values.reduce<number>((total, value) => total + (typeof value === 'number' ? value : 0), 0);
  return Math.round(sum * 1000) / 1000;
}
