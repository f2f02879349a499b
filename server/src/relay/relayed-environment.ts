import type { Follower, FollowerState, FollowerStatus, Publication } from '@dimmer/follower';
import { DEFAULT_TIMING, follow, isLive, pollsOf, statusOf } from '@dimmer/follower';
import type { WireObject } from '@dimmer/schema';
import { decodeMessageOf } from '@dimmer/schema';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { fractionOf } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { EnvironmentHistory } from './environment-history.ts';
import { withPublished } from './environment-history.ts';
import { KeyList } from './key-list.ts';
import { decodePassed } from './passed-object.ts';
import type { RelayCache } from './relay-cache.ts';
import type { Upstream } from './upstream.ts';
import { upstreamKeys } from './upstream-keys.ts';
import { upstreamSnapshot } from './upstream-snapshot.ts';
import { upstreamStream } from './upstream-stream.ts';

/** A question for the keys is given up after this time, in milliseconds. */
const KEYS_TIMEOUT_MS = 2_000;

export interface RelayedEnvironmentParts {
  readonly upstream: Upstream;
  readonly cache: RelayCache;
  readonly clock: Clock;
  /** Never goes back. */
  readonly steady: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
  /** Told in the turn in which the environment moves. */
  readonly onMoved: (moved: RelayedEnvironment) => void;
}

/**
 * One environment as a relay follows it: its copy, its keys, and what is kept of both on disk. What the copy is to be
 * other than the upstream's would be laid over it where it is published.
 */
export class RelayedEnvironment {
  readonly #parts: RelayedEnvironmentParts;
  readonly #follower: Follower<WireObject>;
  readonly #keys: KeyList;
  #history: EnvironmentHistory | undefined;
  #status: FollowerStatus = 'INIT';
  /** The attempt at a stream that was live when something was last known of it. */
  #liveAttempt: number | undefined;

  constructor(parts: RelayedEnvironmentParts) {
    const { upstream, cache } = parts;
    this.#parts = parts;
    this.#keys = new KeyList({
      ...parts,
      ownKey: upstream.key,
      ask: upstreamKeys(upstream, KEYS_TIMEOUT_MS),
      onKeys: (keys) => {
        cache.saveKeys(keys);
        parts.onMoved(this);
      },
    });
    this.#follower = follow(
      {
        clock: {
          now: () => parts.steady.now(),
          after: (delayMs, call) => parts.schedule.after(delayMs, call),
        },
        random: () => fractionOf(parts.random),
        transport: upstreamStream(upstream),
        decode: (event, data) => decodeMessageOf(event, data, decodePassed),
        published: (publication) => this.#publish(publication),
        changed: (state) => this.#tell(state),
      },
      DEFAULT_TIMING,
    );
  }

  /** Begins with what the cache holds. */
  async start(): Promise<void> {
    const { stored, keys } = await this.#parts.cache.load();
    this.#keys.start(keys);
    this.#follower.poll(pollsOf(upstreamSnapshot(this.upstream)));
    this.#follower.start(stored);
  }

  async close(): Promise<void> {
    this.#follower.close();
    await this.#keys.stop();
    // So that its age is no more than it was.
    if (this.#status === 'LIVE') this.#save();
    await this.#parts.cache.flush();
  }

  get upstream(): Upstream {
    return this.#parts.upstream;
  }

  /** Which one it is; `undefined` until the upstream has said so. */
  get environment(): EnvironmentRef | undefined {
    return this.#keys.environment;
  }

  get keys(): KeyList {
    return this.#keys;
  }

  /** `undefined` until there is a snapshot. */
  get history(): EnvironmentHistory | undefined {
    return this.#history;
  }

  /** How it stands with the upstream. */
  get status(): FollowerStatus {
    return this.#status;
  }

  /** Whether its SDKs can be served. */
  get isComplete(): boolean {
    return this.#history !== undefined && this.#keys.keys !== undefined;
  }

  /** When the copy was last known to be the newest, in milliseconds since the Unix epoch. */
  get confirmedAt(): number | undefined {
    const { confirmedAt } = this.#follower.state();
    const { clock, steady } = this.#parts;
    return confirmedAt === null ? undefined : Math.floor(clock.now() - (steady.now() - confirmedAt));
  }

  #publish(publication: Publication<WireObject>): void {
    const isOfStream = publication.source === 'stream';
    const goesOn = isOfStream && this.#follower.state().attempt === this.#liveAttempt;
    this.#history = withPublished(this.#history, { ...publication, goesOn });
    if (publication.source !== 'cache') this.#save();
    this.#parts.onMoved(this);
  }

  #save(): void {
    if (this.#history !== undefined) this.#parts.cache.saveSnapshot(this.#history.snapshot);
  }

  #tell(state: FollowerState<WireObject>): void {
    if (isLive(state)) this.#liveAttempt = state.attempt;
    const status = statusOf(state);
    if (status === this.#status) return;
    this.#status = status;
    const { log } = this.#parts;
    const about = { ...this.environment, status, revision: state.snapshot?.revision ?? null };
    if (status === 'LIVE') log.info(about, 'in step with the upstream');
    else if (status !== 'CLOSED')
      log.warn({ ...about, problem: state.problem?.message }, 'not in step with the upstream');
  }
}
