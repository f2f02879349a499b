import type { ReportInput } from '@dimmer/schema/rest';
import type { Forwarding } from './instance-registry.ts';

/** A report, and how it came. */
export interface ToldReport {
  readonly report: ReportInput;
  /** The same as it came, with all that this build does not know. */
  readonly raw: unknown;
  /** Left out: the instance has told it itself. */
  readonly forwarded?: Forwarding;
}

/** What a browser counted. */
export interface ToldBatch {
  readonly instance: string;
  readonly batch: ReportedBatch;
  /** Whether it came in a bundle, which cannot be sent back in part. */
  readonly forwarded: boolean;
}

type ReportedBatch = NonNullable<ReportInput['batch']>;
