export { canonicalJson, sortedJson } from './canonical-json.ts';
export type { EvaluationContext } from './context.ts';
export { formatCursor, parseCursor } from './cursor.ts';
export {
  decodeMessage,
  decodeObject,
  decodeSnapshot,
  isFlagDefinition,
  isSegmentDefinition,
  wireObjectOf,
} from './decode.ts';
export type { Decoded, Fields } from './decode-envelope.ts';
export { decodeMessageOf, decodeSnapshotOf } from './decode-envelope.ts';
export { decodeValue, decodeValueMessage, decodeValueSnapshot, isFlagValue } from './decode-value.ts';
export type {
  AttributeCondition,
  BucketRange,
  Condition,
  FlagDefinition,
  FlagKind,
  FlagType,
  JsonValue,
  Metadata,
  OpaqueObject,
  Operator,
  Prerequisite,
  RolloutDefinition,
  RuleDefinition,
  SegmentDefinition,
  ServeDefinition,
  Target,
  WireObject,
} from './definition.ts';
export { BUCKETING_ALGORITHM, BUCKETS, FLAG_KINDS, FLAG_TYPES, OPERATORS } from './definition.ts';
export type { Versioned } from './digest.ts';
export { addDigests, digestOf, digestOfAll, subtractDigests } from './digest.ts';
export type { Evaluation, EvaluationErrorCode, Reason } from './evaluation.ts';
export { EVALUATION_ERRORS, REASONS } from './evaluation.ts';
export { isKey, KEY_LENGTH_MAX, KEY_PATTERN } from './key.ts';
export { LIMITS, SNAPSHOT_BYTES_MAX } from './limits.ts';
export type {
  CommitMessage,
  Cursor,
  DeleteMessage,
  GoodbyeMessage,
  GoodbyeReason,
  HeartbeatMessage,
  HelloMessage,
  Message,
  PutMessage,
  SnapshotDocument,
} from './message.ts';
export { GOODBYE_REASONS, PROTOCOL_VERSION } from './message.ts';
export { murmur3Ascii } from './murmur3.ts';
export { NOT_ASCII } from './not-ascii.ts';
export type { OpenFeatureErrorCode, OpenFeatureReason } from './open-feature.ts';
export { openFeatureErrorCode, openFeatureReason } from './open-feature.ts';
export type { ExceededLimit, Issue, ProblemCode, ProblemDocument } from './problem.ts';
export { PROBLEMS } from './problem.ts';
export type {
  AppliedRevision,
  ForwardedClientBatch,
  ForwardedReport,
  Report,
  ReportBatch,
  ReportBundle,
  ReportedEvent,
  ReportedExposure,
  ReportedInstance,
  ReportedProblem,
  ReportedStatus,
  UpdateProblemCode,
} from './report.ts';
export { INSTANCE_HEADER, INSTANCE_PATTERN, REPORT_LIMITS, UPDATE_PROBLEM_CODES } from './report.ts';
export type { FlagValue, ValueMessage, ValueObject, ValueSnapshot } from './value.ts';
export { versionOfValue } from './value-version.ts';
