import type { FollowerState, SnapshotSource } from '@dimmer/follower';
import { modeOf, statusOf } from '@dimmer/follower';
import type { FlagType, JsonValue, Report, ValueObject } from '@dimmer/schema';
import { contextHash } from './context.ts';
import type { Counters } from './counters.ts';
import { countersOf } from './counters.ts';
import type { AnyFlags, DimmerStatus, FlagDetail, KeyOf, TrackDetails, ValueOf, Widened } from './flags.ts';
import type { Following } from './following.ts';
import { following } from './following.ts';
import type { DimmerBootstrap, DimmerContext, DimmerOptions } from './options.ts';
import type { PageEvent, Platform } from './platform.ts';
import { browserPlatform } from './platform.ts';
import { problemOf } from './problem-of.ts';
import type { Reporter } from './reporter.ts';
import { reporterOf } from './reporter.ts';
import { SDK } from './sdk-version.ts';
import type { Post } from './server.ts';
import { postOf, reportSender } from './server.ts';
import type { StoredValues, ValueStore } from './stored-values.ts';
import { storedValues, valueStore } from './stored-values.ts';
import type { Answer, Values } from './values.ts';
import { allValues, answerOf, changedKeys } from './values.ts';

/** How long `ready` and `identify` wait where nothing else is said. */
const WAIT_MS = 5_000;

/** The longest that a timer can wait. */
const TIMEOUT_MAX_MS = 2_147_483_647;

/** Who is asking, ready to be sent. */
interface Identity {
  /** Names server, key and context: what is stored and shared goes by it. */
  readonly name: string;
  /** Names the context alone. */
  readonly contextHash: string;
  readonly who: { readonly context: DimmerContext; readonly hash?: string | undefined };
}

/**
 * The values of one context, for a web page: evaluated by the server, kept current by a stream.
 *
 * Stored values and the bootstrap are served as soon as the constructor returns. Nothing here throws, waits for
 * the network or blocks the page; what went wrong is in `status()`.
 *
 * @typeParam Flags - The program's flags and the types of their values, for keys and answers that are checked.
 * @example
 * const flags = new Dimmer<{ 'checkout-v2': boolean; theme: 'light' | 'dark' }>({
 *   url: 'https://flags.example.com', key: 'dim_cli_...', context: { targetingKey: 'user-1' },
 * });
 * await flags.ready();
 * if (flags.boolean('checkout-v2', false)) renderNewCheckout();
 */
export class Dimmer<Flags extends object = AnyFlags> {
  readonly #options: DimmerOptions;
  readonly #platform: Platform;
  readonly #store: ValueStore;
  readonly #post: Post;
  readonly #startedAt: number;
  readonly #instance: string;
  readonly #counters: Counters = countersOf();
  readonly #reporter: Reporter | undefined;
  readonly #unwatch: (() => void) | undefined;
  readonly #changeListeners = new Set<(keys: readonly string[]) => void>();
  readonly #statusListeners = new Set<() => void>();
  readonly #waiting = new Set<() => void>();
  #identity: Identity;
  /** Closed while the page sleeps. */
  #following: Following;
  /** What answers calls; after `identify`, still that of the context before until the next is here. */
  #served: Values | undefined;
  #state: DimmerStatus['state'] = 'INIT';
  #cancelHide: (() => void) | undefined;
  #cancelSave: (() => void) | undefined;
  #isClosed = false;

  /** @param platform - The browser; for tests of the SDK itself. */
  constructor(options: DimmerOptions, platform: Platform = browserPlatform()) {
    const { url, key, persistence = true, reports, context, hash, bootstrap } = options;
    const { clock, random, newId, reportTiming: timing } = platform;
    this.#options = options;
    this.#platform = platform;
    const storage =
      typeof persistence === 'object' ? () => persistence : persistence ? platform.storage : () => undefined;
    this.#store = valueStore(storage, platform.wallNow);
    const server = `${url}`.replace(/\/$/, '');
    this.#post = postOf(server, key, platform.fetch);
    this.#startedAt = clock.now();
    this.#instance = newId();
    this.#identity = this.#identityOf(context, hash);
    this.#following = this.#newFollowing();
    if (!/^dim_cli_/.test(key)) {
      this.#warn('key must be a client key, dim_cli_…; with another one, nothing is sent');
      this.close();
      return;
    }
    this.#unwatch = platform.page.watch((event) => this.#pageChanged(event));
    if (reports !== false) {
      const send = reportSender(server, key, platform.fetch);
      const report = (): Report => this.#report();
      const { drain } = this.#counters;
      this.#reporter = reporterOf({ clock, random, newId, timing, send, report, drain });
    }
    this.#following.start(this.#stored(bootstrap));
    this.#hideLater();
  }

  /**
   * Waits for values of the server, and no longer than `timeoutMs` (5 s). Always settles, also without any.
   *
   * @returns Where the values come from.
   */
  async ready({ timeoutMs = WAIT_MS }: { readonly timeoutMs?: number } = {}): Promise<DimmerStatus> {
    await this.#settled(timeoutMs);
    return this.status();
  }

  /** @returns The fallback when there is no such flag, no value, or a value of another type. */
  boolean<Key extends KeyOf<Flags, boolean>>(key: Key, fallback: boolean): boolean {
    return this.#answer(key, fallback, 'boolean').value as boolean;
  }

  string<Key extends KeyOf<Flags, string>>(
    key: Key,
    fallback: ValueOf<Flags, Key, string>,
  ): ValueOf<Flags, Key, string> {
    return this.#answer(key, fallback, 'string').value as ValueOf<Flags, Key, string>;
  }

  number<Key extends KeyOf<Flags, number>>(key: Key, fallback: number): number {
    return this.#answer(key, fallback, 'number').value as number;
  }

  /** The value of a `json` flag. It is shared by all callers: do not change it. */
  json<Value extends JsonValue, Key extends keyof Flags & string = keyof Flags & string>(
    key: Key,
    fallback: Value,
  ): Value {
    return this.#answer(key, fallback, 'json').value as Value;
  }

  /** The same as the call for the type of `fallback`, with the reason. */
  detail<Value extends JsonValue, Key extends keyof Flags & string = keyof Flags & string>(
    key: Key,
    fallback: Value,
  ): FlagDetail<Widened<Value>> {
    const answer = this.#answer(key, fallback);
    return { ...answer, ageMs: this.status().ageMs } as FlagDetail<Widened<Value>>;
  }

  /** All values by their keys. Flags that leave the answer to the fallback are missing. Nothing is counted. */
  flags(): { readonly [Key in keyof Flags]?: Flags[Key] } {
    return allValues(this.#served) as { readonly [Key in keyof Flags]?: Flags[Key] };
  }

  /**
   * Asks for another context. Until its values are here, those of the one before are served.
   *
   * @param options.hash - For environments in secure mode.
   * @param options.timeoutMs - The longest wait; 5 s.
   * @returns Resolves when the values are here, when it has taken too long, or when somebody else was identified
   *   in the meantime. Never rejects.
   */
  async identify(
    context: DimmerContext,
    { hash, timeoutMs = WAIT_MS }: { readonly hash?: string | undefined; readonly timeoutMs?: number } = {},
  ): Promise<DimmerStatus> {
    if (this.#isClosed) return this.status();
    this.#save();
    this.#identity = this.#identityOf(context, hash);
    this.#follow(this.#stored());
    this.#hideLater();
    await this.#settled(timeoutMs);
    return this.status();
  }

  /**
   * Tells when a value became another one, with the keys of all that did, or of one flag with its new value
   * (`undefined`: it has none).
   *
   * @returns Stops telling.
   * @example flags.onChange('checkout-v2', (isOn) => render(isOn));
   */
  onChange(listener: (keys: readonly (keyof Flags & string)[]) => void): () => void;
  onChange<Key extends keyof Flags & string>(
    key: Key,
    listener: (value: Flags[Key] | undefined) => void,
  ): () => void;
  onChange(
    ...args:
      | [listener: (keys: readonly (keyof Flags & string)[]) => void]
      | [key: keyof Flags & string, listener: (value: never) => void]
  ): () => void {
    const hear = args.pop() as (news: unknown) => void;
    const [key] = args as unknown as [string?];
    return added(this.#changeListeners, (keys) => {
      if (key === undefined) hear(keys);
      else if (keys.includes(key)) hear(allValues(this.#served)[key]);
    });
  }

  /** Tells when the state became another one. @returns Stops telling. */
  onStatus(listener: (status: DimmerStatus) => void): () => void {
    return added(this.#statusListeners, () => listener(this.status()));
  }

  /** Notes that something happened that flags may have had a part in. */
  track(name: string, details: TrackDetails = {}): void {
    if (!this.#reporter) return;
    const { targetingKey } = this.#identity.who.context;
    const at = new Date(this.#platform.wallNow()).toISOString();
    try {
      this.#counters.track({ name, at, ...(targetingKey && { targetingKey }), details });
    } catch (error) {
      this.#warn(problemOf(error));
    }
  }

  status(): DimmerStatus {
    const state = this.#following.state();
    const { confirmedAt, source, snapshot, problem } = state;
    return {
      state: this.#state,
      mode: modeOf(state),
      revision: snapshot?.revision ?? null,
      epoch: snapshot?.epoch ?? null,
      ageMs: confirmedAt === null ? null : this.#platform.clock.now() - confirmedAt,
      source,
      lastError: problem,
      dropped: this.#counters.dropped(),
    };
  }

  /** Ends the stream, all timers and all listening, and reports what was counted. Values keep being served. */
  close(): void {
    if (this.#isClosed) return;
    this.#save();
    this.#reporter?.close();
    this.#isClosed = true;
    this.#following.close();
    this.#unwatch?.();
    this.#cancelHide?.();
    this.#changeListeners.clear();
    this.#statusListeners.clear();
  }

  #answer(key: string, fallback: JsonValue, type?: FlagType): Answer {
    const answer = answerOf(this.#served, key, fallback, type);
    if (this.#reporter) this.#counters.expose(key, answer);
    return answer;
  }

  /** A copy, so that what the program does with its object later changes nothing here. */
  #identityOf(context: DimmerContext, hash: string | undefined): Identity {
    const { url, key } = this.#options;
    try {
      const own: { targetingKey?: string; anonymous?: boolean } = JSON.parse(JSON.stringify(context));
      const given = contextHash(own);
      if (own.anonymous) own.targetingKey ??= this.#store.word(this.#platform.newId);
      return {
        name: contextHash([`${url}`, key, own]),
        contextHash: given,
        who: { context: own, ...(hash && { hash }) },
      };
    } catch (error) {
      this.#warn(`context is not used: ${problemOf(error)}`);
      return this.#identityOf({}, hash);
    }
  }

  /** What can be served before the server has answered. */
  #stored(bootstrap?: DimmerBootstrap): StoredValues | null {
    const { name, contextHash: asked } = this.#identity;
    const cached = this.#store.load(name);
    const isOurs = (bootstrap?.contextHash ?? asked) === asked;
    const { wallNow } = this.#platform;
    const ageMs = Math.max(0, wallNow() - Date.parse(bootstrap?.committedAt ?? '')) || 0;
    const given = isOurs ? storedValues(bootstrap, 'bootstrap', ageMs) : undefined;
    return (isNewer(cached, given) ? cached : (given ?? cached)) ?? null;
  }

  #newFollowing(): Following {
    const { streaming = true, shareTabs = true } = this.#options;
    const { name, who } = this.#identity;
    return following({
      platform: this.#platform,
      post: this.#post,
      who,
      tabsName: shareTabs ? `dimmer-${name}` : undefined,
      streaming,
      published: ({ snapshot, source }) => this.#published(snapshot, source),
      changed: () => this.#changed(),
    });
  }

  #follow(stored: StoredValues | null): void {
    this.#following.close();
    this.#following = this.#newFollowing();
    this.#following.start(stored);
  }

  /** Follows on from what is here. */
  #followAgain(): void {
    const { snapshot, confirmedAt, resync } = this.#following.state();
    const ageMs = this.#platform.clock.now() - (confirmedAt ?? 0);
    this.#follow(snapshot ? { snapshot, source: 'cache', ageMs, complete: !resync } : this.#stored());
  }

  #published(values: Values, source: SnapshotSource): void {
    const keys = changedKeys(this.#served, values);
    this.#served = values;
    const { clock, saveDelayMs } = this.#platform;
    if (source === 'stream' || source === 'poll') {
      this.#cancelSave ??= clock.after(saveDelayMs, () => this.#save());
    }
    if (keys.length > 0) this.#tell(this.#changeListeners, keys);
  }

  #changed(): void {
    for (const check of this.#waiting) check();
    const state = this.#stateNow();
    if (state === this.#state) return;
    this.#state = state;
    if (state === 'REFUSED') this.#warn(`${this.status().lastError?.message}; check key and hash`);
    this.#tell(this.#statusListeners, undefined);
  }

  #stateNow(): DimmerStatus['state'] {
    const state = statusOf(this.#following.state());
    // The page sleeps: nobody looks after the values.
    return state === 'CLOSED' && !this.#isClosed ? 'STALE' : state;
  }

  #save(): void {
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    const { snapshot, source, confirmedAt } = this.#following.state();
    if (!snapshot || confirmedAt === null || (source !== 'stream' && source !== 'poll')) return;
    this.#store.save(this.#identity.name, snapshot, this.#platform.clock.now() - confirmedAt);
  }

  #pageChanged(event: PageEvent): void {
    const isAwake = !this.#following.isClosed();
    if (event === 'online' || event === 'offline') {
      // What the browser knows of its network saves the waiting: for silence, or for the next attempt.
      if (isAwake && (event === 'offline' || this.#state !== 'LIVE')) this.#followAgain();
      return;
    }
    if (event === 'pagehide' || this.#platform.page.isHidden()) {
      this.#save();
      this.#reporter?.flush();
      if (event === 'pagehide') this.#following.close();
    } else if (!isAwake) this.#followAgain();
    this.#hideLater();
  }

  /** A page that stays hidden gives its stream back. */
  #hideLater(): void {
    const { page, clock, hiddenAfterMs } = this.#platform;
    this.#cancelHide?.();
    if (page.isHidden()) this.#cancelHide = clock.after(hiddenAfterMs, () => this.#following.close());
  }

  #settled(timeoutMs: number): Promise<void> {
    const identity = this.#identity;
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(check);
        cancel();
        resolve();
      };
      const check = (): void => {
        if (identity !== this.#identity || this.#isClosed || isSettled(this.#following.state())) done();
      };
      const cancel = this.#platform.clock.after(Math.min(timeoutMs, TIMEOUT_MAX_MS), done);
      this.#waiting.add(check);
      check();
    });
  }

  #report(): Report {
    const { application } = this.#options;
    const { state, mode, epoch, revision, ageMs } = this.status();
    const runningMs = this.#platform.clock.now() - this.#startedAt;
    return {
      instance: { id: this.#instance, sdk: SDK, ...(application && { application }), runningMs },
      status: { state, mode, epoch, revision, ageMs, clockOffsetMs: null },
      applied: [],
    };
  }

  #tell<News>(listeners: ReadonlySet<(news: News) => void>, news: News): void {
    for (const hear of [...listeners]) {
      try {
        hear(news);
      } catch (error) {
        this.#warn(`a listener threw: ${problemOf(error)}`);
      }
    }
  }

  #warn(message: string): void {
    try {
      (this.#options.logger ?? this.#platform.logger).warn(`Dimmer: ${message}`);
    } catch {
      // There is nobody left to tell.
    }
  }
}

/**
 * Everything that a page may ask of Dimmer. The real one and the fake of `@dimmer/browser/testing` both satisfy it:
 * let code that uses flags ask for this type.
 */
export type DimmerClient<Flags extends object = AnyFlags> = Pick<Dimmer<Flags>, keyof Dimmer<Flags>>;

/** Whether there is nothing better to wait for. */
function isSettled(state: FollowerState<ValueObject>): boolean {
  const status = statusOf(state);
  if (status === 'LIVE' || status === 'REFUSED') return true;
  return state.snapshot !== null && (state.failures > 0 || state.source === 'poll');
}

function isNewer(cached: StoredValues | undefined, given: StoredValues | undefined): boolean {
  const [kept, came] = [cached?.snapshot, given?.snapshot];
  return kept !== undefined && kept.epoch === came?.epoch && kept.revision > came.revision;
}

function added<T>(all: Set<T>, one: T): () => void {
  all.add(one);
  return () => all.delete(one);
}
