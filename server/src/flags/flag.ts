import type {
  BucketRange,
  Condition,
  FlagKind,
  FlagType,
  JsonValue,
  Metadata,
  Prerequisite,
  Target,
} from '@dimmer/schema';

export interface Variation {
  readonly value: JsonValue;
  readonly name?: string;
  readonly description?: string;
}

/** A flag of a project: what is the same in every environment. Immutable. */
export interface Flag {
  readonly key: string;
  readonly type: FlagType;
  readonly kind: FlagKind;
  readonly variations: { readonly [name: string]: Variation };
  readonly name: string;
  readonly description: string;
  readonly owner: string | null;
  readonly tags: readonly string[];
  readonly exposeToClients: boolean;
  /** JSON Schema of the values of a json flag. */
  readonly valueSchema: { readonly [keyword: string]: JsonValue } | null;
  readonly metadata: Metadata;
  readonly expectedLifetimeDays: number | null;
  /** ISO 8601; an archived flag leaves every environment and keeps its configurations. */
  readonly archivedAt: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  /** Counts edits of the flag itself, from 1. */
  readonly version: number;
}

/** A rollout as edited (weights, percent) and as planned (ranges). */
export interface Rollout {
  readonly by: string;
  readonly weights: { readonly [variation: string]: number };
  readonly algorithm: string;
  /** Unsigned 32-bit. */
  readonly seed: number;
  readonly ranges: readonly BucketRange[];
}

export type Serve = { readonly variation: string } | { readonly rollout: Rollout };

export interface Rule {
  readonly id: string;
  readonly when: Condition;
  readonly serve: Serve;
}

/** How one flag behaves in one environment, as edited. Immutable. */
export interface Configuration {
  readonly enabled: boolean;
  readonly offVariation: string | null;
  readonly prerequisites: readonly Prerequisite[];
  readonly targets: readonly Target[];
  readonly rules: readonly Rule[];
  readonly fallthrough: Serve;
}

/** An operator's emergency off. It lies over the configuration and is not part of it. */
export interface Kill {
  readonly reason: string;
  /** Name of the key that killed it. */
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
  /** ISO 8601; the server lifts the kill then. */
  readonly expiresAt?: string;
}

/** A flag's place in one environment. */
export interface EnvironmentFlag {
  readonly configuration: Configuration;
  readonly kill: Kill | null;
  /** The environment's revision at which the definition last changed. */
  readonly version: number;
}
