import type { DimmerContext, DimmerOptions, DimmerStatus, TrackDetails } from '@dimmer/browser';
// The package by its own name: bundles of the two entries share one Dimmer.
import { Dimmer } from '@dimmer/browser';
import type { ProviderEvent } from '@dimmer/follower';
import { providerEventOf } from '@dimmer/follower';
import type { EvaluationErrorCode, Reason } from '@dimmer/schema';
import { openFeatureErrorCode, openFeatureReason } from '@dimmer/schema';
import type {
  ErrorCode,
  EvaluationContext,
  JsonValue,
  Provider,
  ResolutionDetails,
  TrackingEventDetails,
} from '@openfeature/web-sdk';
import { OpenFeatureEventEmitter, ProviderEvents, ProviderFatalError } from '@openfeature/web-sdk';
import type { Platform } from '../platform.ts';

/** How the provider sets up its Dimmer. The context is OpenFeature's. */
export interface DimmerProviderOptions extends Omit<DimmerOptions, 'context' | 'hash'> {
  /**
   * For environments in secure mode: asks your backend for the hash of a context (`secureHash` of the Node SDK).
   * Where it rejects, so does the change of context.
   */
  readonly hash?: (context: EvaluationContext) => string | Promise<string>;
}

/**
 * Dimmer as an OpenFeature provider for web pages.
 *
 * The context of OpenFeature decides whose values are served. Its events follow the state of the stream: READY while
 * it is live, STALE when it has been lost for a while or only stored values are served, ERROR when the key is refused;
 * READY again afterwards.
 *
 * @example
 * await OpenFeature.setContext({ targetingKey: user.id, plan: user.plan });
 * await OpenFeature.setProviderAndWait(new DimmerProvider({ url: 'https://flags.example.com', key: 'dim_cli_...' }));
 * OpenFeature.getClient().getBooleanValue('checkout-v2', false);
 */
export class DimmerProvider implements Provider {
  readonly metadata = { name: 'dimmer' } as const;
  readonly runsOn = 'client';
  readonly events = new OpenFeatureEventEmitter();
  readonly #options: DimmerProviderOptions;
  readonly #platform: Platform | undefined;
  #flags: Dimmer | undefined;
  /** The context that was asked for last; `undefined` when closed. */
  #wanted: EvaluationContext | undefined;
  /** Until the values of that context are here. OpenFeature has a status of its own for this time. */
  #arriving: Promise<void> | undefined;
  /** What OpenFeature was told last, or says by itself. */
  #told: ProviderEvent = ProviderEvents.Ready;

  /** @param platform - The browser; for tests of the SDK itself. */
  constructor(options: DimmerProviderOptions, platform?: Platform) {
    this.#options = options;
    this.#platform = platform;
  }

  /** @returns When there are values. It rejects when there are none within 5 s; they may still arrive later. */
  initialize(context: EvaluationContext = {}): Promise<void> {
    return this.#arrive(context);
  }

  /**
   * Asks for the values of another context. Until they are here, those of the one before are served.
   *
   * @returns When the values of the newest context are here. It rejects when there are none within 5 s; they may still
   *   arrive later.
   */
  onContextChange(_before: EvaluationContext, context: EvaluationContext): Promise<void> {
    return this.#arrive(context);
  }

  async onClose(): Promise<void> {
    this.#wanted = undefined;
    this.#flags?.close();
    this.#flags = undefined;
  }

  resolveBooleanEvaluation(key: string, fallback: boolean): ResolutionDetails<boolean> {
    return this.#resolve(key, fallback);
  }

  resolveStringEvaluation(key: string, fallback: string): ResolutionDetails<string> {
    return this.#resolve(key, fallback);
  }

  resolveNumberEvaluation(key: string, fallback: number): ResolutionDetails<number> {
    return this.#resolve(key, fallback);
  }

  resolveObjectEvaluation<Value extends JsonValue>(key: string, fallback: Value): ResolutionDetails<Value> {
    return this.#resolve(key, fallback);
  }

  /** The event is that of the context that values are served for. */
  track(name: string, _context: EvaluationContext, details: TrackingEventDetails = {}): void {
    // OpenFeature allows dates and the like; what is not JSON is left out when events are reported.
    this.#flags?.track(name, details as TrackDetails);
  }

  #resolve<Value extends JsonValue>(key: string, fallback: Value): ResolutionDetails<Value> {
    if (!this.#flags) return { value: fallback, reason: 'ERROR', ...errorOf('NOT_READY') };
    const detail = this.#flags.detail(key, fallback);
    const { variation, reason, isStatic = false, errorCode, metadata } = detail;
    return {
      // The SDK has checked that the value is of the fallback's type.
      value: detail.value as Value,
      // A word of a later server stays as it is.
      reason: openFeatureReason({ reason: reason as Reason, isStatic }) ?? reason,
      ...(variation !== null && { variant: variation }),
      ...(errorCode !== undefined && errorOf(errorCode)),
      ...(metadata !== undefined && { flagMetadata: metadata }),
    };
  }

  #arrive(context: EvaluationContext): Promise<void> {
    this.#wanted = context;
    const arriving: Promise<void> = this.#ask(context).then((status) => {
      // Somebody else is asked for by now: OpenFeature is READY when those values are here.
      if (this.#arriving !== arriving) return this.#arriving;
      if (status) refuseEmpty(status);
    });
    this.#arriving = arriving;
    const settled = (told: ProviderEvent): void => {
      if (this.#arriving === arriving) this.#arriving = undefined;
      this.#told = told;
      if (this.#flags) this.#tell(this.#flags.status());
    };
    // OpenFeature says READY or ERROR by itself when this promise settles. What says otherwise has to come after that.
    arriving
      .then((): ProviderEvent => ProviderEvents.Ready)
      .catch((): ProviderEvent => ProviderEvents.Error)
      .then(settled);
    return arriving;
  }

  /** @returns `undefined` when nobody asks for this context any more. */
  async #ask(context: EvaluationContext): Promise<DimmerStatus | undefined> {
    const hash = await this.#options.hash?.(context);
    if (this.#wanted !== context) return undefined;
    const secured = hash === undefined ? {} : { hash };
    if (this.#flags) return this.#flags.identify(context as DimmerContext, secured);
    const { hash: _, ...options } = this.#options;
    this.#flags = new Dimmer({ ...options, context: context as DimmerContext, ...secured }, this.#platform);
    this.#flags.onChange((flagsChanged) => this.#tellOfChange([...flagsChanged]));
    this.#flags.onStatus((status) => this.#tell(status));
    return this.#flags.ready();
  }

  /** Another context is no change of configuration: OpenFeature tells of it by itself. */
  #tellOfChange(flagsChanged: string[]): void {
    if (!this.#arriving) this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged });
  }

  #tell({ state, lastError }: DimmerStatus): void {
    const event = providerEventOf(state);
    if (this.#arriving || event === undefined || event === this.#told) return;
    this.#told = event;
    this.events.emit(event as TellableEvent, lastError === null ? {} : { message: lastError.message });
  }
}

/** OpenFeature's type of the same words. */
type TellableEvent = ProviderEvents.Ready | ProviderEvents.Stale | ProviderEvents.Error;

/** @throws where there are no values: then OpenFeature says ERROR, or FATAL for a key that is refused. */
function refuseEmpty({ revision, state, lastError }: DimmerStatus): void {
  if (revision !== null) return;
  const message = `Dimmer has no values yet: ${lastError?.message ?? 'no answer in time'}`;
  // It still asks now and then, and is READY when the key is accepted after all; until then nobody should wait.
  throw state === 'REFUSED' ? new ProviderFatalError(message) : new Error(message);
}

/** A code of a later server is `GENERAL`. */
function errorOf(code: string): Pick<ResolutionDetails<never>, 'errorCode' | 'errorMessage'> {
  const errorCode = openFeatureErrorCode(code as EvaluationErrorCode) ?? 'GENERAL';
  return { errorCode: errorCode as ErrorCode, errorMessage: code };
}
