import { z } from 'zod';
import { INSTANCE_PATTERN, REPORT_LIMITS } from '../report.ts';
import { HeldView } from './break-glass.ts';
import { CommitView } from './changes.ts';
import { ConfigurationView } from './configurations.ts';
import { Key, pageOf, Revision, Timestamp } from './terms.ts';

const Text = z.string().max(REPORT_LIMITS.textCharacters);
const Milliseconds = z.number().min(0).max(Number.MAX_SAFE_INTEGER);
const Count = z.int().min(0);

const AppliedSchema = z.object({ epoch: Text, from: Revision, revision: Revision, agoMs: Milliseconds });

const ProblemSchema = z.object({
  code: Text.min(1),
  epoch: Text.nullable(),
  from: Revision.nullable(),
  revision: Revision.nullable(),
  message: Text,
  agoMs: Milliseconds,
});

const ExposureSchema = z.object({
  flag: Text.min(1),
  variation: Text.nullable(),
  reason: z.string().max(40),
  count: z.int().min(1),
});

const EventSchema = z.object({ name: Text });

const BatchSchema = z.object({
  id: z.string().min(1).max(100),
  exposures: readable(ExposureSchema, REPORT_LIMITS.exposuresPerBatch).default([]),
  events: readable(EventSchema, REPORT_LIMITS.eventsPerBatch).default([]),
  dropped: z.object({ exposures: Count, events: Count }).default({ exposures: 0, events: 0 }),
});

/**
 * A report, as the server reads it. Unknown fields are ignored, and so is an entry of a list that cannot be
 * read: one odd flag key must not cost an instance its receipt.
 */
export const ReportInput = z.object({
  instance: z.object({
    id: z.string().regex(INSTANCE_PATTERN, 'must be 1 to 100 visible ASCII characters'),
    sdk: z.object({ name: Text, version: Text }),
    application: z.object({ name: Text.optional(), build: Text.optional() }).optional(),
    host: Text.optional(),
    runningMs: Milliseconds,
  }),
  status: z.object({
    state: Text,
    mode: Text.nullable(),
    epoch: Text.nullable(),
    revision: Revision.nullable(),
    ageMs: Milliseconds.nullable(),
    clockOffsetMs: z.number().nullable(),
  }),
  applied: readable(AppliedSchema, REPORT_LIMITS.appliedPerReport).default([]),
  problems: readable(ProblemSchema, REPORT_LIMITS.problemsPerReport).default([]),
  batch: BatchSchema.optional(),
});

/** What a relay hands on, but for what it wraps: a report is read by itself. */
export const ForwardedReportInput = z.object({ via: Text.min(1), heldMs: Milliseconds, report: ReportInput });

/** Several reports in one body. As tolerant as one: an entry that cannot be read costs itself. */
export const ReportBundleInput = z.object({
  id: z.string().min(1).max(100),
  /** Each a {@link ForwardedReportInput}: read one by one. */
  reports: z.array(z.unknown()).max(REPORT_LIMITS.reportsPerBundle).default([]),
  clients: readable(
    z.object({ instance: z.string().regex(INSTANCE_PATTERN), batch: BatchSchema }),
    REPORT_LIMITS.reportsPerBundle,
  ).default([]),
  connected: readable(z.string().regex(INSTANCE_PATTERN), REPORT_LIMITS.connectedPerBundle).default([]),
});

/** One running SDK. What it has not told is `null`. */
export const InstanceView = z
  .object({
    id: z.string(),
    sdk: z.object({ name: z.string(), version: z.string() }).nullable(),
    application: z.object({ name: z.string().nullable(), build: z.string().nullable() }),
    host: z.string().nullable(),
    via: z.string().nullable().meta({ description: 'The relay that it speaks to; null: this server.' }),
    startedAt: Timestamp.nullable(),
    state: z.string().nullable().meta({ description: 'As of the last report: LIVE, INTERRUPTED, STALE…' }),
    mode: z.string().nullable().meta({ description: 'Where its flags come from: stream, cache, bootstrap.' }),
    epoch: z.string().nullable(),
    revision: Revision.nullable(),
    ageMs: z.number().nullable(),
    clockOffsetMs: z.number().nullable(),
    connected: z.boolean().meta({ description: 'Whether a stream of it is open.' }),
    heardAt: Timestamp.nullable().meta({ description: 'When its last report came.' }),
    dropped: z
      .object({ exposures: Count, events: Count })
      .meta({ description: 'What it could not count or keep, since it was first heard of.' }),
    problems: z
      .array(ProblemSchema.omit({ agoMs: true }).extend({ at: Timestamp }))
      .meta({ description: 'Updates that it refused, newest last: at most 8. `from` stayed in service.' }),
  })
  .meta({ id: 'Instance' });

export const InstancePage = pageOf(InstanceView, 'InstancePage');

/** Who has applied a revision, how fast, and who has not. */
export const ReceiptView = z
  .object({
    revision: Revision,
    committedAt: Timestamp,
    at: Timestamp.meta({ description: 'When the receipt was made.' }),
    instances: Count.meta({ description: 'Instances that are connected, or were heard of within 90 s.' }),
    applied: Count,
    complete: z.boolean().meta({ description: 'Whether every one of them has applied it.' }),
    latency: z
      .object({
        count: Count,
        p50Ms: z.number(),
        p95Ms: z.number(),
        p99Ms: z.number(),
        maxMs: z.number(),
      })
      .nullable()
      .meta({ description: 'From the commit, of the instances that ran then and have told. Server clock.' }),
    oldServedUntil: Timestamp.nullable().meta({
      description: 'When the last instance left what was before; null while one may still serve it.',
    }),
    stragglers: z.array(InstanceView).meta({ description: 'Those that have not applied it, at most 100.' }),
    stragglersOmitted: Count,
  })
  .meta({ id: 'Receipt' });

const WithReceipt = {
  receipt: ReceiptView.optional().meta({ description: 'With `?wait=`: who has applied the kill so far.' }),
};

export const KilledView = ConfigurationView.extend(WithReceipt).meta({ id: 'KilledConfiguration' });
/** Of a kill that is held, a receipt tells of the instances that speak to the server that holds it. */
export const HeldReceiptView = HeldView.extend(WithReceipt).meta({ id: 'HeldKillWithReceipt' });
export const KilledManyView = CommitView.extend(WithReceipt).meta({ id: 'KillCommit' });

/** How long a kill may wait for its receipt, in milliseconds. */
export const RECEIPT_WAIT_MS_MAX = 30_000;

export const WaitQuery = z.strictObject({
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(RECEIPT_WAIT_MS_MAX)
    .optional()
    .meta({ description: 'Milliseconds to wait for every instance; the answer then has a `receipt`.' }),
});

/** How far back one question about exposures may reach, in minutes. */
const EXPOSURE_MINUTES_MAX = 1_440;

export const ExposuresQuery = z.strictObject({
  minutes: z.coerce.number().int().min(1).max(EXPOSURE_MINUTES_MAX).default(60),
  to: Timestamp.optional().meta({ description: 'Left out: now.' }),
});

const ExposureTotal = z.object({
  variation: z.string().nullable(),
  reason: z.string(),
  source: z.enum(['server', 'client']).meta({ description: 'The kind of key that it was reported with.' }),
  count: z.int(),
});

export const ExposuresView = z
  .object({
    flag: Key,
    environment: Key,
    from: Timestamp,
    to: Timestamp,
    totals: z.array(ExposureTotal),
    minutes: z.array(ExposureTotal.extend({ minute: Timestamp })),
  })
  .meta({ id: 'Exposures' });

export type ForwardedReportInput = z.infer<typeof ForwardedReportInput>;
export type ReportBundleInput = z.infer<typeof ReportBundleInput>;
export type ReportInput = z.infer<typeof ReportInput>;
export type InstanceView = z.infer<typeof InstanceView>;
export type HeldReceiptView = z.infer<typeof HeldReceiptView>;
export type ReceiptView = z.infer<typeof ReceiptView>;
export type ExposuresView = z.infer<typeof ExposuresView>;

/** A list of which only what can be read is kept. */
function readable<T extends z.ZodType>(item: T, maximum: number) {
  return z
    .array(z.unknown())
    .max(maximum)
    .transform((entries): z.infer<T>[] =>
      entries.flatMap((entry) => {
        const parsed = item.safeParse(entry);
        return parsed.success ? [parsed.data] : [];
      }),
    );
}
