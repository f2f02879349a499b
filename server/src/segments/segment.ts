import type { Condition } from '@dimmer/schema';

/** A reusable group of subjects in one environment. Immutable. */
export interface Segment {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  /** The attribute that `included` and `excluded` list. */
  readonly by: string;
  readonly included: readonly string[];
  readonly excluded: readonly string[];
  readonly when: Condition | null;
}

/** A segment's place in its environment. */
export interface EnvironmentSegment {
  readonly segment: Segment;
  /** The environment's revision at which it last changed. */
  readonly version: number;
}
