import type { Follower, FollowerState, Publication, RefusedUpdate, StoredSnapshot } from '@dimmer/follower';
import { follow, isLive, modeOf, pollsOf, statusOf } from '@dimmer/follower';
import type { EvaluationContext, ReportedStatus, WireObject } from '@dimmer/schema';
import { decodeMessage } from '@dimmer/schema';
import { atMost } from './at-most.ts';
import { loadBootstrap } from './bootstrap.ts';
import type { DiskCache } from './disk-cache.ts';
import { diskCache } from './disk-cache.ts';
import { eventStreamTransport } from './event-stream.ts';
import type { TableChange } from './flag-table.ts';
import type { DimmerStatus } from './flags.ts';
import { instanceFacts, reporterOf } from './instance-reports.ts';
import type { DimmerLogger } from './logger.ts';
import { quietLogger, safeLogger } from './logger.ts';
import type { CheckedOptions, DimmerOptions } from './options.ts';
import { checkOptions } from './options.ts';
import type { Platform } from './platform.ts';
import { systemPlatform } from './platform.ts';
import { problemOf } from './problem-of.ts';
import type { Reporter } from './reporter.ts';
import { secureHash } from './secure-hash.ts';
import { ServedFlags } from './served-flags.ts';
import { damageIn, defectIn } from './snapshot-problems.ts';
import { snapshotTransport } from './snapshot-request.ts';
import type { Told } from './state-lines.ts';
import { stateLines } from './state-lines.ts';

/** The most that `close` waits for the disk. */
const FLUSH_TIMEOUT_MS = 1_500;

/**
 * Flags of one environment: evaluated in memory, kept current by a stream.
 *
 * There is no module-level state; several may live in one process. Stored flags are served as soon as the
 * constructor returns, and from then on no call throws, waits or does I/O.
 *
 * @example
 * const flags = new Dimmer({ url: 'http://127.0.0.1:4400', key: process.env.DIMMER_KEY });
 * await flags.ready();
 * if (flags.boolean('checkout-v2', { targetingKey: user.id }, false)) renderNewCheckout();
 */
export class Dimmer extends ServedFlags {
  readonly #options: CheckedOptions;
  readonly #platform: Platform;
  readonly #logger: DimmerLogger;
  readonly #cache: DiskCache | undefined;
  readonly #instance: string;
  readonly #reporter: Reporter | undefined;
  readonly #follower: Follower<WireObject>;
  /** What the log and listeners were told of last. */
  #told: Told = { status: 'INIT', problem: null };
  #refusal: RefusedUpdate | null = null;
  #closing: Promise<void> | undefined;

  /**
   * @param options - Where the server is, and the key.
   * @param platform - Time and chance; for tests of the SDK itself.
   * @throws TypeError when an option is wrong. What the world does wrong is never thrown.
   */
  constructor(options: DimmerOptions, platform: Platform = systemPlatform) {
    const checked = checkOptions(options);
    const logger = safeLogger(checked.logger ?? quietLogger(platform.emitWarning));
    super({
      limits: checked.limits,
      logger,
      clock: platform.clock,
      wallNow: platform.wallNow,
      freshness: () => this.#freshness(),
    });
    this.#options = checked;
    this.#platform = platform;
    this.#logger = logger;
    this.#cache = cacheOf(checked, platform, logger);
    const instance = instanceFacts(checked.application, platform);
    this.#instance = instance.id;
    this.#reporter = reporterOf({
      options: checked,
      platform,
      instance,
      status: () => this.#standing(),
      drain: () => this.drainCounters(),
    });
    this.#follower = this.#follow();
    this.#follower.start(this.#stored());
  }

  async ready({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<DimmerStatus> {
    await this.wait(() => isSettled(this.#follower.state()), timeoutMs);
    const status = this.status();
    if (this.#options.onColdStart === 'fail' && this.served === undefined) {
      throw new Error(
        `Dimmer has no flags (${status.state}: ${status.lastError?.message ?? 'no answer in time'}); ` +
          'give a bootstrap, or start when the server is reachable.',
      );
    }
    return status;
  }

  status(): DimmerStatus {
    const state = this.#follower.state();
    const { problem, resyncs } = state;
    const since = isLive(state) ? state.liveSince : null;
    const { clock, wallNow } = this.#platform;
    return {
      state: statusOf(state),
      mode: modeOf(state),
      revision: this.served?.revision ?? null,
      epoch: this.served?.epoch ?? null,
      ...this.#freshness(),
      lastError: problem,
      resyncs,
      ...(since !== null && { connectedSince: new Date(wallNow() - clock.now() + since).toISOString() }),
      ...this.counters(),
    };
  }

  /**
   * Signs a context for an environment in secure mode. Hand it to the page together with exactly this context: the
   * server answers the page's client key for no other one.
   *
   * @param context - What the page will send, as JSON carries it.
   * @returns 64 hex characters. Empty, with a warning, where JSON cannot carry the context: no server accepts that.
   * @example response.json({ context, hash: flags.secureHash(context) });
   */
  secureHash(context: EvaluationContext): string {
    const hash = secureHash(this.#options.key, context);
    if (hash === undefined) this.#logger.warn('a context cannot be signed: it is no JSON, or no Unicode');
    return hash ?? '';
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const isLive = statusOf(this.#follower.state()) === 'LIVE';
    this.#follower.close();
    // Asked by a listener, the follower first finishes the step under way: its snapshot goes to the cache.
    await Promise.resolve();
    this.retire();
    const { clock } = this.#platform;
    const written =
      this.#cache === undefined ? undefined : atMost(FLUSH_TIMEOUT_MS, clock, this.#cache.flush());
    await Promise.all([written, this.#reporter?.close(isLive)]);
  }

  #follow(): Follower<WireObject> {
    const { url, key, limits } = this.#options;
    const { clock, random, timing, wallNow } = this.#platform;
    const server = { url, key, fetch: this.#options.fetch ?? globalThis.fetch, wallNow };
    const transport = eventStreamTransport({
      ...server,
      frameBytesMax: limits.frameBytesMax,
      instance: this.#reporter === undefined ? undefined : this.#instance,
    });
    const snapshot = snapshotTransport({ ...server, bytesMax: limits.storedBytesMax });
    const published = (publication: Publication<WireObject>): void => this.#published(publication);
    const changed = (state: FollowerState<WireObject>): void => this.#changed(state);
    const follower = follow({ clock, random, transport, decode: decodeMessage, published, changed }, timing);
    follower.poll(pollsOf(snapshot, timing));
    return follower;
  }

  /** The cache is what the server said last; a bootstrap is better only when it is newer in the same epoch. */
  #stored(): StoredSnapshot<WireObject> | null {
    const { wallNow } = this.#platform;
    const cached = this.#cache?.load() ?? null;
    const bootstrap = loadBootstrap({
      bootstrap: this.#options.bootstrap,
      bytesMax: this.#options.limits.storedBytesMax,
      wallNow,
      warn: this.#logger.warn,
    });
    return cached === null || isNewer(bootstrap, cached) ? bootstrap : cached;
  }

  #published({ snapshot, source, kill }: Publication<WireObject>): void {
    const before = this.served;
    let change: TableChange;
    try {
      change = this.serve(snapshot);
    } catch (error) {
      // The flags before stay in service: one update that cannot be used must not cost all flags.
      const message = `revision ${snapshot.revision} could not be applied: ${problemOf(error)}`;
      this.#logger.error(message);
      this.#refused({ code: 'NOT_APPLIED', message, epoch: snapshot.epoch, revision: snapshot.revision });
      return;
    }
    if (source !== 'stream' && source !== 'poll') return;
    this.#cache?.save(snapshot);
    for (const refusal of [damageIn(snapshot, before), defectIn(snapshot, change)]) {
      if (refusal !== undefined) this.#refused(refusal, before?.revision);
    }
    const { epoch, revision } = snapshot;
    if (before?.epoch === epoch) this.#reporter?.applied({ epoch, from: before.revision, revision }, kill);
    else if (kill) this.#reporter?.killed();
  }

  #refused(refusal: RefusedUpdate, from = this.served?.revision): void {
    this.#reporter?.refused({ ...refusal, from: from ?? null });
  }

  #changed(state: FollowerState<WireObject>): void {
    this.wake();
    if (state.refusal !== null && state.refusal !== this.#refusal) this.#refused(state.refusal);
    this.#refusal = state.refusal;
    for (const { level, text } of stateLines(state, this.#told)) this.#logger[level](text);
    const before = this.#told.status;
    const status = statusOf(state);
    this.#told = { status, problem: state.problem };
    if (status === before) return;
    if (status === 'LIVE') this.#reporter?.live();
    this.announce();
  }

  #standing(): Omit<ReportedStatus, 'clockOffsetMs'> {
    const state = this.#follower.state();
    const { epoch = null, revision = null } = this.served ?? {};
    return { state: statusOf(state), mode: modeOf(state), epoch, revision, ageMs: this.#freshness().ageMs };
  }

  #freshness(): Pick<DimmerStatus, 'ageMs' | 'source'> {
    const { confirmedAt, source } = this.#follower.state();
    const ageMs = confirmedAt === null ? null : Math.max(0, this.#platform.clock.now() - confirmedAt);
    return { ageMs, source };
  }
}

/** Whether there is nothing better to wait for. */
function isSettled(state: FollowerState<WireObject>): boolean {
  const status = statusOf(state);
  if (status === 'LIVE' || status === 'REFUSED' || status === 'CLOSED') return true;
  return state.snapshot !== null && state.failures > 0;
}

function isNewer(
  bootstrap: StoredSnapshot<WireObject> | null,
  { snapshot }: StoredSnapshot<WireObject>,
): boolean {
  return (
    bootstrap !== null &&
    bootstrap.snapshot.epoch === snapshot.epoch &&
    bootstrap.snapshot.revision > snapshot.revision
  );
}

function cacheOf(
  { cache = {}, url, key, limits }: CheckedOptions,
  { clock, wallNow, cacheDelayMs }: Platform,
  { warn }: DimmerLogger,
): DiskCache | undefined {
  if (cache === false) return undefined;
  return diskCache({
    owner: { url, key },
    directory: cache.directory,
    bytesMax: limits.storedBytesMax,
    delayMs: cacheDelayMs,
    clock,
    wallNow,
    warn,
  });
}
