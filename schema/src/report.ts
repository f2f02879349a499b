import type { JsonValue } from './definition.ts';

/** What a report may not exceed. The SDK cuts before it sends; the server refuses what is larger. */
export const REPORT_LIMITS = {
  /** Bytes of the JSON, unpacked. */
  bodyBytes: 1_048_576,
  /** Bytes on the wire. */
  wireBytes: 262_144,
  /** Exposures in one batch. */
  exposuresPerBatch: 2_000,
  /** Events in one batch. */
  eventsPerBatch: 1_000,
  /** Revisions in one report. */
  appliedPerReport: 64,
  /** Updates that were refused, in one report. */
  problemsPerReport: 8,
  /** Reports in one bundle. */
  reportsPerBundle: 1_000,
  /** Instances that a bundle says are connected. */
  connectedPerBundle: 5_000,
  /** Characters of names, builds, hosts, fallbacks and messages. */
  textCharacters: 200,
} as const;

/** Names an instance: in reports, and in the header {@link INSTANCE_HEADER} of its stream. */
export const INSTANCE_PATTERN = /^[\x21-\x7e]{1,100}$/;

/** Tells the server which instance a stream belongs to. */
export const INSTANCE_HEADER = 'dimmer-instance';

/** One running SDK. */
export interface ReportedInstance {
  readonly id: string;
  readonly sdk: { readonly name: string; readonly version: string };
  readonly application?: { readonly name?: string; readonly build?: string };
  readonly host?: string;
  /** For how long it has been running, in milliseconds. Ages need no common clock. */
  readonly runningMs: number;
}

/** Where an instance stands. */
export interface ReportedStatus {
  /** A `FollowerStatus`, or a word of a later SDK. `CLOSED` is a farewell. */
  readonly state: string;
  /** How it follows the server right now: `stream`, `poll`, `none`. */
  readonly mode: string | null;
  readonly epoch: string | null;
  readonly revision: number | null;
  /** How long ago its flags were last known to be the newest. */
  readonly ageMs: number | null;
  /** The server's clock minus its own, as of the last answer. */
  readonly clockOffsetMs: number | null;
}

/** An instance went from one revision to another. */
export interface AppliedRevision {
  readonly epoch: string;
  /** What it served before. */
  readonly from: number;
  readonly revision: number;
  /** How long before the report was sent, in milliseconds. */
  readonly agoMs: number;
}

/** Why an update was not served as it came. */
export const UPDATE_PROBLEM_CODES = [
  /** The objects do not add up to the digest that came with them. */
  'DIGEST_MISMATCH',
  /** A message or a snapshot breaks its contract. */
  'MALFORMED',
  /** More bytes than the limits of the instance allow. */
  'TOO_LARGE',
  /** Compiling it failed; the flags before stay in service. */
  'NOT_APPLIED',
  /** Served without the flags and segments that came damaged: these keep their last sound definition. */
  'DAMAGED',
  /** A definition contradicts itself, or uses what this SDK does not know: that flag serves its off variation. */
  'DEFECTIVE',
] as const;
export type UpdateProblemCode = (typeof UPDATE_PROBLEM_CODES)[number];

/** An update that was refused. Told once for each revision and code. */
export interface ReportedProblem {
  /** An `UpdateProblemCode`, or a word of a later SDK. */
  readonly code: string;
  readonly epoch: string | null;
  /** What was served before, and is still. */
  readonly from: number | null;
  /** What was refused; `null` where it did not come to that. */
  readonly revision: number | null;
  /** For people. */
  readonly message: string;
  /** How long before the report was sent, in milliseconds. */
  readonly agoMs: number;
}

/** Evaluations with the same answer and the same fallback, counted. */
export interface ReportedExposure {
  readonly flag: string;
  readonly variation: string | null;
  readonly reason: string;
  readonly errorCode?: string | undefined;
  readonly ruleId?: string;
  /** The version of the definition that answered. */
  readonly revision: number;
  readonly fallback?: string | number | boolean | null | undefined;
  readonly count: number;
}

/** Something that a program tracked. */
export interface ReportedEvent {
  readonly name: string;
  /** ISO 8601, clock of the instance. */
  readonly at: string;
  readonly targetingKey?: string | undefined;
  readonly details: { readonly [attribute: string]: JsonValue | undefined };
}

/** Counters that must be added once: the id stays the same however often the batch is sent. */
export interface ReportBatch {
  readonly id: string;
  readonly exposures: readonly ReportedExposure[];
  readonly events: readonly ReportedEvent[];
  /** What could not be kept until this report. */
  readonly dropped: { readonly exposures: number; readonly events: number };
}

/** The body of `POST /sdk/v1/report`. */
export interface Report {
  readonly instance: ReportedInstance;
  readonly status: ReportedStatus;
  readonly applied: readonly AppliedRevision[];
  /** Left out where no update was refused. */
  readonly problems?: readonly ReportedProblem[];
  /** Left out where there is nothing to count. */
  readonly batch?: ReportBatch;
}

/** A report that a relay hands on. */
export interface ForwardedReport {
  /** The relay that the instance speaks to. */
  readonly via: string;
  /** How long relays have kept it, in milliseconds: its ages are older by that. */
  readonly heldMs: number;
  /** A {@link Report}, as it came. */
  readonly report: unknown;
}

/** Counts of a browser that a relay hands on. */
export interface ForwardedClientBatch {
  readonly instance: string;
  readonly batch: ReportBatch;
}

/** The other body of `POST /sdk/v1/report`: what several instances told a relay. */
export interface ReportBundle {
  /** Stays the same however often the bundle is sent: it counts once. */
  readonly id: string;
  readonly reports: readonly ForwardedReport[];
  readonly clients: readonly ForwardedClientBatch[];
  /** Instances that say nothing at present and whose stream is open: hung, perhaps, but not gone. */
  readonly connected: readonly string[];
}
