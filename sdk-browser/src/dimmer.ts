import type { FollowerState } from '@dimmer/follower';
import { isLive, modeOf, statusOf } from '@dimmer/follower';
import type { FlagType, JsonValue, ReportBatch, ValueObject } from '@dimmer/schema';
import { contextHash } from './context.ts';
import { countersOf } from './counters.ts';
import { eventStream } from './event-stream.ts';
import type { AnyFlags, DimmerStatus, FlagDetail, KeyOf, TrackDetails, ValueOf, Widened } from './flags.ts';
import type { Following } from './following.ts';
import { following } from './following.ts';
import type { DimmerBootstrap, DimmerContext, DimmerOptions } from './options.ts';
import type { watchPage } from './page.ts';
import type { Platform } from './platform.ts';
import { browserPlatform } from './platform.ts';
import type { Reporter } from './reporter.ts';
import { reporterOf } from './reporter.ts';
import { SDK } from './sdk-version.ts';
import type { Post, Question } from './server.ts';
import { headersOf, postOf, problemOf } from './server.ts';
import type { StoredValues, ValueStore } from './stored-values.ts';
import { storedValues, valueStore } from './stored-values.ts';
import type { Answer, Values } from './values.ts';
import { allValues, answerOf, changedKeys } from './values.ts';

/** How long `ready` and `identify` wait where nothing else is said. */
const WAIT_MS = 5_000;

/** The longest that a timer can wait. */
const TIMEOUT_MAX_MS = 2_147_483_647;

/** Quiet time before new values are written to storage. */
const SAVE_DELAY_MS = 1_000;

/** A third of the 64 KiB that a browser sends for a page that is gone: a character may take three bytes. */
const KEEPALIVE_CHARACTERS_MAX = 21_000;

/** For how long to wait. */
interface Wait {
  readonly timeoutMs?: number;
}

/** Who is asking, ready to be sent. */
interface Identity {
  /** Names server, key and context: what is stored and shared goes by it. */
  readonly name: string;
  /** Names the context alone. */
  readonly hash: string;
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
  readonly #counters = countersOf();
  readonly #reporter: Reporter | undefined;
  readonly #changeListeners = new Set<(keys: readonly string[]) => void>();
  readonly #statusListeners = new Set<() => void>();
  readonly #waiting = new Set<(isLate?: boolean) => void>();
  #identity: Identity;
  /** Closed while the page sleeps. */
  #following: Following;
  /** What answers calls; after `identify`, still that of the context before until the next is here. */
  #served: Values | undefined;
  #state: DimmerStatus['state'] = 'INIT';
  #unwatch: (() => void) | undefined;
  #cancelSave: (() => void) | undefined;
  #isClosed = false;

  /** @param platform - The browser; for tests of the SDK itself. */
  constructor(options: DimmerOptions, platform: Platform = browserPlatform()) {
    const { url, key, persistence = true, reports = true, context, hash, bootstrap } = options;
    const { storage, wallNow } = platform;
    this.#options = options;
    this.#platform = platform;
    this.#store = valueStore(persistence === true ? storage : () => persistence || undefined, wallNow);
    this.#post = postOf(`${url}`.replace(/\/$/, ''), platform.fetch);
    this.#startedAt = platform.now();
    this.#instance = platform.newId();
    this.#identity = this.#identityOf(context, hash);
    this.#following = this.#newFollowing();
    if (!/^dim_cli_/.test(key)) {
      this.#warn('key must be a client key, dim_cli_…');
      this.close();
      return;
    }
    if (reports) this.#reporter = reporterOf(platform, this.#counters.drain, (batch) => this.#report(batch));
    this.#unwatch = platform.watch('pagehide', this.#leave);
    this.#following.start(this.#stored(bootstrap));
  }

  /**
   * Waits for values of the server, and no longer than `timeoutMs` (5 s). Always settles, also without any.
   *
   * @returns Where the values come from.
   */
  ready({ timeoutMs = WAIT_MS }: Wait = {}): Promise<DimmerStatus> {
    const identity = this.#identity;
    return new Promise<void>((resolve) => {
      const check = (isLate = false): void => {
        const isOver = isLate || identity !== this.#identity || this.#isClosed;
        if (!isOver && !isSettled(this.#following.state())) return;
        this.#waiting.delete(check);
        cancel();
        resolve();
      };
      const cancel = this.#platform.after(Math.min(timeoutMs, TIMEOUT_MAX_MS), () => check(true));
      this.#waiting.add(check);
      check();
    }).then(() => this.status());
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
    asked: Wait & { readonly hash?: string | undefined } = {},
  ): Promise<DimmerStatus> {
    if (this.#isClosed) return this.status();
    this.#save();
    this.#identity = this.#identityOf(context, asked.hash);
    this.#follow(this.#stored());
    return this.ready(asked);
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
  onChange(flag: unknown, hear?: (value: never) => void): () => void {
    return added(this.#changeListeners, (keys) => {
      if (!hear) (flag as (keys: unknown) => void)(keys);
      else if (keys.includes(flag as string)) hear(allValues(this.#served)[flag as string] as never);
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
      this.#counters.track({ name, at, targetingKey, details });
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
      ageMs: confirmedAt === null ? null : this.#platform.now() - confirmedAt,
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
      return { name: contextHash([url, key, own]), hash: given, who: { context: own, hash } };
    } catch (error) {
      this.#warn(`context is not used: ${problemOf(error)}`);
      return this.#identityOf({}, hash);
    }
  }

  /** What can be served before the server has answered. */
  #stored(bootstrap?: DimmerBootstrap): StoredValues | undefined {
    const { name, hash } = this.#identity;
    const kept = this.#store.load(name);
    if (!bootstrap || (bootstrap.contextHash ?? hash) !== hash) return kept;
    const ageMs = this.#platform.wallNow() - Date.parse(bootstrap.committedAt);
    const brought = storedValues(bootstrap, 'bootstrap', ageMs);
    return brought && kept && isNewer(kept.snapshot, brought.snapshot) ? kept : (brought ?? kept);
  }

  #newFollowing(): Following {
    const { key, streaming = true, shareTabs = true } = this.#options;
    const { name, who } = this.#identity;
    const current = (): Values | null => this.#following.state().snapshot;
    const question: Question = { post: this.#post, headers: headersOf(key), who, current };
    return following(
      this.#platform,
      question,
      eventStream(question, streaming),
      streaming && shareTabs && `dimmer-${name}`,
      ({ snapshot }) => this.#published(snapshot),
      () => this.#changed(),
      (watch) => this.#watch(watch),
    );
  }

  #follow(stored: StoredValues | null | undefined): void {
    this.#following.close();
    this.#following = this.#newFollowing();
    this.#following.start(stored);
  }

  #published(values: Values): void {
    const keys = changedKeys(this.#served, values);
    this.#served = values;
    this.#cancelSave ??= this.#platform.after(SAVE_DELAY_MS, () => this.#save());
    if (keys.length) this.#tell(this.#changeListeners, keys);
  }

  #changed(): void {
    for (const check of this.#waiting) check();
    const status = statusOf(this.#following.state());
    // The page sleeps: nobody looks after the values.
    const state = status === 'CLOSED' && !this.#isClosed ? 'STALE' : status;
    if (state === this.#state) return;
    this.#state = state;
    if (state === 'REFUSED') this.#warn(`${this.#following.state().problem?.message}; check key and hash`);
    this.#tell(this.#statusListeners, undefined);
  }

  #save(): void {
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    const { snapshot, source, confirmedAt } = this.#following.state();
    if (snapshot && (source === 'stream' || source === 'poll')) {
      this.#store.save(this.#identity.name, snapshot, this.#platform.now() - (confirmedAt ?? 0));
    }
  }

  /** The page may not come back: what is not yet stored or told has its last chance. */
  readonly #leave = (): void => {
    this.#save();
    this.#reporter?.flush();
  };

  /** Anew with every stream: one that a hidden page opens has its five minutes. */
  #watch(watch: typeof watchPage): void {
    if (this.#isClosed) return;
    this.#unwatch?.();
    this.#unwatch = watch(this.#platform, {
      following: () => this.#following,
      follow: (stored) => this.#follow(stored),
      leave: this.#leave,
    });
  }

  #report(batch: ReportBatch): Promise<Response> {
    const { key, application } = this.#options;
    const runningMs = this.#platform.now() - this.#startedAt;
    const report = {
      // Plain text, and the key inside: a page that is being left has no time to ask another origin for leave.
      key,
      instance: { id: this.#instance, sdk: SDK, application, runningMs },
      status: { ...this.status(), clockOffsetMs: null },
      applied: [],
      batch,
    };
    // The browser finishes it when the page is gone.
    const keepalive = JSON.stringify(report).length <= KEEPALIVE_CHARACTERS_MAX;
    return this.#post('report', report, { keepalive });
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
  return isLive(state) || state.refused || (state.snapshot !== null && state.failures > 0);
}

/** Whether values are the later ones of the same epoch. */
function isNewer(values: Values, others: Values): boolean {
  return values.epoch === others.epoch && values.revision > others.revision;
}

function added<T>(all: Set<T>, one: T): () => void {
  all.add(one);
  return () => all.delete(one);
}
