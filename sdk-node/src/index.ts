export type { FollowerMode, FollowerStatus, SnapshotSource } from '@dimmer/follower';
export type {
  EvaluationContext,
  EvaluationErrorCode,
  FlagDefinition,
  JsonValue,
  Metadata,
  Reason,
  SnapshotDocument,
  ValueSnapshot,
} from '@dimmer/schema';
export { Dimmer } from './client.ts';
export type {
  DimmerStatus,
  FlagDetail,
  FlagListener,
  FlagReader,
  FlagScope,
  Flags,
  FlagsListener,
  TrackDetails,
  Widened,
} from './flags.ts';
export { FlagKilledError } from './kill-watch.ts';
export type { DimmerLogger } from './logger.ts';
export type { ApplicationFacts, CacheOptions, DimmerLimits, DimmerOptions } from './options.ts';
export type { Platform } from './platform.ts';
