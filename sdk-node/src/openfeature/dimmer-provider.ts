import type { ProviderEvent } from '@dimmer/follower';
import { providerEventOf } from '@dimmer/follower';
import { openFeatureErrorCode, openFeatureReason } from '@dimmer/schema';
import type {
  ErrorCode,
  EvaluationContext,
  JsonValue,
  Provider,
  ResolutionDetails,
  TrackingEventDetails,
} from '@openfeature/server-sdk';
import { OpenFeatureEventEmitter, ProviderEvents, ProviderFatalError } from '@openfeature/server-sdk';
import type { DimmerStatus, Flags, TrackDetails } from '../flags.ts';

/**
 * Dimmer as an OpenFeature provider.
 *
 * Its events follow the state of the stream: READY while it is live, STALE when it has been lost for a while or
 * only stored flags are served, ERROR when the key is refused; READY again afterwards. It closes the Dimmer
 * that it was given.
 *
 * @example
 * await OpenFeature.setProviderAndWait(new DimmerProvider(new Dimmer({ url, key })));
 * const client = OpenFeature.getClient();
 * await client.getBooleanValue('checkout-v2', false, { targetingKey: user.id });
 */
export class DimmerProvider implements Provider {
  readonly metadata = { name: 'dimmer' } as const;
  readonly runsOn = 'server';
  readonly events = new OpenFeatureEventEmitter();
  readonly #flags: Flags;
  /** What OpenFeature was told last. */
  #told: ProviderEvent = ProviderEvents.Ready;
  #stopListening: readonly (() => void)[] = [];

  /** @param flags - A Dimmer, or a fake one. */
  constructor(flags: Flags) {
    this.#flags = flags;
  }

  /** @returns When there are flags. It rejects when there are none in time; flags may still arrive later. */
  initialize(): Promise<void> {
    const initialized = this.#flags.ready().then((status) => this.#begin(status));
    // OpenFeature says READY by itself when this promise resolves. What says otherwise has to come after that.
    initialized
      .then(() => undefined)
      .then(() => this.#tell(this.#flags.status()))
      .catch(() => undefined);
    return initialized;
  }

  async onClose(): Promise<void> {
    for (const stop of this.#stopListening) stop();
    await this.#flags.close();
  }

  resolveBooleanEvaluation(
    key: string,
    fallback: boolean,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<boolean>> {
    return this.#resolve(key, fallback, context);
  }

  resolveStringEvaluation(
    key: string,
    fallback: string,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<string>> {
    return this.#resolve(key, fallback, context);
  }

  resolveNumberEvaluation(
    key: string,
    fallback: number,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<number>> {
    return this.#resolve(key, fallback, context);
  }

  resolveObjectEvaluation<Value extends JsonValue>(
    key: string,
    fallback: Value,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<Value>> {
    return this.#resolve(key, fallback, context);
  }

  track(name: string, context: EvaluationContext, details: TrackingEventDetails = {}): void {
    // OpenFeature allows dates and the like; what is not JSON is left out when events are reported.
    this.#flags.track(name, context, details as TrackDetails);
  }

  #resolve<Value extends JsonValue>(
    key: string,
    fallback: Value,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<Value>> {
    const detail = this.#flags.detail(key, context, fallback);
    const { variation, errorCode, metadata } = detail;
    return Promise.resolve({
      // The SDK has checked that the value is of the fallback's type.
      value: detail.value as Value,
      reason: openFeatureReason(detail),
      ...(variation !== null && { variant: variation }),
      ...(errorCode !== undefined && {
        errorCode: openFeatureErrorCode(errorCode) as ErrorCode,
        errorMessage: errorCode,
      }),
      ...(metadata !== undefined && { flagMetadata: metadata }),
    });
  }

  #begin(status: DimmerStatus): void {
    this.#stopListening = [
      this.#flags.onChange((flagsChanged) =>
        this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: [...flagsChanged] }),
      ),
      this.#flags.onStatus((next) => this.#tell(next)),
    ];
    if (status.revision !== null) return;
    this.#told = ProviderEvents.Error;
    const message = `Dimmer has no flags yet: ${status.lastError?.message ?? 'no answer in time'}`;
    // It still asks now and then, and is READY when the key is accepted after all; until then nobody should wait.
    throw status.state === 'REFUSED' ? new ProviderFatalError(message) : new Error(message);
  }

  #tell({ state, lastError }: DimmerStatus): void {
    const event = providerEventOf(state);
    if (event === undefined || event === this.#told) return;
    this.#told = event;
    this.events.emit(event as ProviderEvents, lastError === null ? {} : { message: lastError.message });
  }
}
