export type {
  PollAnswer,
  Publication,
  StoredSnapshot,
  StreamEnd,
  StreamMessage,
} from './event.ts';
export type { Follower, Polls } from './follow.ts';
export { follow } from './follow.ts';
export { pollsOf } from './polls.ts';
export type { Clock, FollowerPorts, SnapshotTransport, StreamSink, StreamTransport } from './ports.ts';
export type { ProviderEvent } from './provider-event.ts';
export { providerEventOf } from './provider-event.ts';
export type { Snapshot } from './snapshot.ts';
export { objectKey, snapshotOf } from './snapshot.ts';
export { ageMsOf, snapshotAnswer, unusableSnapshot } from './snapshot-answer.ts';
export type {
  FollowerMode,
  FollowerState,
  FollowerStatus,
  RefusedUpdate,
  SnapshotSource,
  StreamProblem,
} from './state.ts';
export { isLive, modeOf, PHASE, statusOf } from './state.ts';
export type { FollowerTiming } from './timing.ts';
export { DEFAULT_TIMING } from './timing.ts';
