import type { ReportInput } from '@dimmer/schema/rest';

/** When an instance left one revision for another. */
export interface AppliedMoment {
  readonly epoch: string;
  readonly from: number;
  readonly revision: number;
  /** Milliseconds since the Unix epoch, clock of the server. */
  readonly at: number;
}

/** An update that an instance refused. */
export type InstanceProblem = Omit<ReportInput['problems'][number], 'agoMs'> & {
  /** Milliseconds since the Unix epoch, clock of the server. */
  readonly at: number;
};

/** What is known of one running SDK. Times are milliseconds since the Unix epoch, clock of the server. */
export interface Instance {
  readonly id: string;
  /** What the last report said; `undefined` where only a stream of it was seen. */
  readonly facts: ReportInput['instance'] | undefined;
  readonly status: ReportInput['status'] | undefined;
  readonly startedAt: number | undefined;
  /** When the last report came. */
  readonly heardAt: number | undefined;
  /** The relay that it speaks to; `null`: this server. */
  readonly via: string | null;
  /** When a relay last said that a stream of it is open there. */
  readonly seenAt: number | undefined;
  /** When its last stream was opened. */
  readonly connectedAt: number | undefined;
  /** Streams of it that are open. */
  readonly streams: number;
  /** Oldest first, at most {@link APPLIED_PER_INSTANCE_MAX}. */
  readonly applied: readonly AppliedMoment[];
  /** Ids of the batches that were counted last, so that one which comes again is not counted again. */
  readonly batches: readonly string[];
  readonly dropped: { readonly exposures: number; readonly events: number };
  /** Oldest first, at most {@link PROBLEMS_PER_INSTANCE_MAX}. */
  readonly problems: readonly InstanceProblem[];
}

type ProblemName = Pick<InstanceProblem, 'code' | 'epoch' | 'from' | 'revision'>;

/** An instance that is not connected counts as gone when it was silent for this long, in milliseconds. */
const SILENT_AFTER_MS = 90_000;

/** Revisions per instance whose moment is remembered. */
export const APPLIED_PER_INSTANCE_MAX = 32;

/** Refused updates per instance that are kept: the newest. */
export const PROBLEMS_PER_INSTANCE_MAX = 8;

/** Batches per instance that are recognised when they come again. An SDK has one under way at a time. */
const BATCHES_REMEMBERED_MAX = 8;

/** An instance of which nothing is known but its id. */
export function newInstance(id: string): Instance {
  return {
    id,
    facts: undefined,
    status: undefined,
    startedAt: undefined,
    heardAt: undefined,
    via: null,
    seenAt: undefined,
    connectedAt: undefined,
    streams: 0,
    applied: [],
    batches: [],
    dropped: { exposures: 0, events: 0 },
    problems: [],
  };
}

/** Whether the instance runs, as far as anybody can say. */
export function isPresent(instance: Instance, now: number): boolean {
  return instance.streams > 0 || now - lastSeenAt(instance) <= SILENT_AFTER_MS;
}

/** How a report came. */
export interface Telling {
  /** The relay that was told; `null`: this server. */
  readonly via: string | null;
  /** When it was told, in milliseconds since the Unix epoch, clock of the server. */
  readonly at: number;
}

/**
 * The instance once a report has come. A batch that was counted before leaves the counts as they are, and of two
 * reports that a relay hands on in another order, the younger says where the instance stands.
 */
export function afterReport(instance: Instance, report: ReportInput, { via, at: now }: Telling): Instance {
  const { instance: facts, applied, batch } = report;
  const isYounger = via === null || now >= (instance.heardAt ?? now);
  const { status, heardAt } = isYounger ? { status: report.status, heardAt: now } : instance;
  const moments = applied.map(({ epoch, from, revision, agoMs }) => ({
    epoch,
    from,
    revision,
    at: now - agoMs,
  }));
  const counted = batch === undefined || isRepeated(instance, report) ? undefined : batch;
  return {
    ...instance,
    facts,
    status,
    startedAt: now - facts.runningMs,
    heardAt,
    via,
    applied: withMoments(instance.applied, moments),
    problems: withProblems(instance.problems, report.problems, now),
    ...(counted !== undefined && {
      batches: [...instance.batches, counted.id].slice(-BATCHES_REMEMBERED_MAX),
      dropped: {
        exposures: instance.dropped.exposures + counted.dropped.exposures,
        events: instance.dropped.events + counted.dropped.events,
      },
    }),
  };
}

/** Whether the counts of the report were added before. */
export function isRepeated({ batches }: Instance, { batch }: ReportInput): boolean {
  return batch !== undefined && batches.includes(batch.id);
}

/** A report that comes again tells of the same moments: the first telling counts, its age was the most exact. */
function withMoments(
  known: readonly AppliedMoment[],
  told: readonly AppliedMoment[],
): readonly AppliedMoment[] {
  const news = told.filter(
    ({ epoch, revision }) => !known.some((moment) => moment.epoch === epoch && moment.revision === revision),
  );
  return [...known, ...news].slice(-APPLIED_PER_INSTANCE_MAX);
}

/** The same refusal, told again because an answer was lost, is one refusal. */
function withProblems(
  known: readonly InstanceProblem[],
  told: ReportInput['problems'],
  now: number,
): readonly InstanceProblem[] {
  const news = told
    .filter((problem) => !known.some((one) => isSameProblem(one, problem)))
    .map(({ agoMs, ...problem }) => ({ ...problem, at: now - agoMs }));
  return [...known, ...news].slice(-PROBLEMS_PER_INSTANCE_MAX);
}

function isSameProblem(one: ProblemName, other: ProblemName): boolean {
  return (
    one.code === other.code &&
    one.epoch === other.epoch &&
    one.from === other.from &&
    one.revision === other.revision
  );
}

function lastSeenAt({ heardAt = 0, connectedAt = 0, seenAt = 0 }: Instance): number {
  return Math.max(heardAt, connectedAt, seenAt);
}
