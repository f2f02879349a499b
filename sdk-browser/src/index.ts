export type { JsonValue } from '@dimmer/schema';
export { contextHash } from './context.ts';
export type { DimmerClient } from './dimmer.ts';
export { Dimmer } from './dimmer.ts';
export type {
  AnyFlags,
  DimmerLogger,
  DimmerStatus,
  FlagDetail,
  KeyOf,
  TrackDetails,
  ValueOf,
  Widened,
} from './flags.ts';
export type { DimmerBootstrap, DimmerContext, DimmerOptions, StoragePort } from './options.ts';
