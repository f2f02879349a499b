/** Any value that JSON can carry. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** The declared type of a flag's values; every variation has a value of this type. */
export const FLAG_TYPES = ['boolean', 'string', 'number', 'json'] as const;
export type FlagType = (typeof FLAG_TYPES)[number];

/** What a flag is for. It guides people and lifetimes; evaluation does not look at it. */
export const FLAG_KINDS = ['release', 'kill-switch', 'experiment', 'operational', 'permission'] as const;
export type FlagKind = (typeof FLAG_KINDS)[number];

/** Every operator that a condition may name. Semantics: SPEC.md, rules E20 and on. */
export const OPERATORS = [
  'in',
  'startsWith',
  'endsWith',
  'contains',
  'matches',
  'lt',
  'lte',
  'gt',
  'gte',
  'before',
  'after',
  'semverLt',
  'semverLte',
  'semverGt',
  'semverGte',
  'semverEq',
  'exists',
  'inCidr',
] as const;
export type Operator = (typeof OPERATORS)[number];

/** One test of one attribute. It holds when any of `values` satisfies the operator. */
export interface AttributeCondition {
  /** A path into the context: `country`, `organization.plan`. */
  readonly attribute: string;
  readonly op: Operator;
  /** What to compare with; left out for `exists`. */
  readonly values?: readonly (string | number | boolean)[];
}

/** A question about a context. Conditions nest. */
export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition }
  | { readonly segment: string }
  | AttributeCondition;

/** A flag that must serve a given variation first. */
export interface Prerequisite {
  readonly flag: string;
  readonly variation: string;
}

/** Subjects named one by one: whoever's `by` attribute is in `values` gets `variation`. */
export interface Target {
  readonly variation: string;
  /** The attribute that is looked up, `targetingKey` by default. */
  readonly by: string;
  readonly values: readonly string[];
}

/** The profile that turns an attribute into one of 100,000 buckets. Flags keep theirs for ever. */
export const BUCKETING_ALGORITHM = 'murmur3-100k';

/** How many buckets a rollout divides its subjects into: steps of 0.001 %. */
export const BUCKETS = 100_000;

/** Buckets `start` (inclusive) to `end` (exclusive) get `variation`. */
export type BucketRange = readonly [start: number, end: number, variation: string];

/** A percentage rollout as SDKs receive it: they look up, they do not plan. */
export interface RolloutDefinition {
  /** The attribute that is hashed. */
  readonly by: string;
  /** `murmur3-100k`; a reader that does not know the name must not guess. */
  readonly algorithm: string;
  /** Unsigned 32-bit seed of the hash. It does not depend on the flag's key and stays when weights change. */
  readonly seed: number;
  /** Sorted, adjacent, covering 0..100000. */
  readonly ranges: readonly BucketRange[];
}

/** What a rule or the fallthrough answers: one variation, or a split. */
export type ServeDefinition = { readonly variation: string } | { readonly rollout: RolloutDefinition };

export interface RuleDefinition {
  /** Stable name of the rule, reported with every evaluation that it decides. */
  readonly id: string;
  readonly when: Condition;
  readonly serve: ServeDefinition;
}

/** Small facts handed to callers with every evaluation. */
export type Metadata = { readonly [key: string]: string | number | boolean };

/** One flag in one environment, as SDKs receive and compile it. */
export interface FlagDefinition {
  readonly kind: 'flag';
  readonly key: string;
  /** The environment's revision at which this definition last changed. */
  readonly version: number;
  readonly type: FlagType;
  readonly variations: { readonly [name: string]: { readonly value: JsonValue } };
  readonly enabled: boolean;
  /** Present while an operator's kill stands; beats everything else. */
  readonly killed?: true;
  /** Served when the flag is off; `null` means: no value, the code's fallback. */
  readonly offVariation: string | null;
  readonly prerequisites: readonly Prerequisite[];
  readonly targets: readonly Target[];
  readonly rules: readonly RuleDefinition[];
  readonly fallthrough: ServeDefinition;
  readonly metadata?: Metadata;
  /** Present when browsers may see the flag's values. */
  readonly exposeToClients?: true;
}

/** A reusable group of subjects in one environment. */
export interface SegmentDefinition {
  readonly kind: 'segment';
  readonly key: string;
  readonly version: number;
  /** The attribute that `included` and `excluded` list. */
  readonly by: string;
  readonly included: readonly string[];
  readonly excluded: readonly string[];
  /** Who belongs beside those included by name; `null`: nobody. */
  readonly when: Condition | null;
}

/** An object of a kind, or with a body, that this reader does not understand: kept for the digest only. */
export interface OpaqueObject {
  readonly kind: string;
  readonly key: string;
  readonly version: number;
  /** What is wrong with a known kind; absent for a kind that this reader does not know. */
  readonly damage?: string;
  readonly opaque: true;
}

/** Anything that a snapshot holds. */
export type WireObject = FlagDefinition | SegmentDefinition | OpaqueObject;
