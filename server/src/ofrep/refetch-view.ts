import type { CompiledFlag, Ruleset } from '@dimmer/evaluator';
import type { Cursor, GoodbyeReason } from '@dimmer/schema';
import type { RulesetAt } from '../delivery/environment-ruleset.ts';
import type { StreamSource } from '../delivery/subscriber.ts';
import type { View, ViewedEnvironment } from '../delivery/view-streams.ts';
import type { Random } from '../platform/random.ts';
import { fractionOf } from '../platform/random.ts';
import { HEARTBEAT_FRAME, helloFrame, positionFrame, refetchFrame, retryFrame } from './refetch-frames.ts';
import type { Audience } from './visible-flags.ts';
import { visibleFlagsOf } from './visible-flags.ts';

/** Clients whose stream broke come back within this time of one second, in milliseconds. */
const RECONNECT_SPREAD_MS = 4_000;
const RECONNECT_MIN_MS = 1_000;

/**
 * Makes the views of OFREP's event streams: they only ever say that there is something to fetch.
 *
 * @param cursor - Where the client is: of its last event, else of its URL; `undefined`: not known.
 * @example const views = refetchViews(random); delivery.openView(environment, { ...target, view: views('client', cursor) });
 */
export type RefetchViews = (audience: Audience, cursor: Cursor | undefined) => View;

export function refetchViews(random: Random): RefetchViews {
  // All streams of an environment that see the same flags share a source.
  const sources = new WeakMap<ViewedEnvironment, Map<Audience, RefetchSource>>();
  const sourceOf = (environment: ViewedEnvironment, audience: Audience): RefetchSource => {
    const known = sources.get(environment) ?? new Map<Audience, RefetchSource>();
    sources.set(environment, known);
    const source = known.get(audience) ?? new RefetchSource(environment, audience);
    known.set(audience, source);
    return source;
  };
  return (audience, cursor) => (environment) => {
    const source = sourceOf(environment, audience);
    const at = environment.current();
    const isBehind = cursor === undefined || cursor.epoch !== at.epoch || cursor.revision < at.revision;
    const reconnectInMs = RECONNECT_MIN_MS + Math.floor(fractionOf(random) * RECONNECT_SPREAD_MS);
    return {
      source,
      mode: isBehind ? 'delta' : 'none',
      beginning: {
        hello: helloFrame(at, reconnectInMs),
        objects: isBehind ? refetchFrame(at) : undefined,
        revision: at.position,
      },
    };
  };
}

/** What all streams of one environment and audience say. */
class RefetchSource implements StreamSource {
  readonly #environment: ViewedEnvironment;
  readonly #audience: Audience;
  #at: RulesetAt;
  /** The last position that changed what the audience sees. */
  #changedAt: number;
  #refetch: Buffer;
  #position: Buffer;

  constructor(environment: ViewedEnvironment, audience: Audience) {
    this.#environment = environment;
    this.#audience = audience;
    this.#at = environment.current();
    this.#changedAt = this.#at.position;
    this.#refetch = refetchFrame(this.#at);
    this.#position = positionFrame(this.#at);
  }

  get revision(): number {
    return this.#environment.current().position;
  }

  bytesSince(position: number): Buffer {
    this.#follow();
    return this.#changedAt > position ? this.#refetch : this.#position;
  }

  heartbeat(): Buffer {
    return HEARTBEAT_FRAME;
  }

  goodbye(_reason: GoodbyeReason, reconnectInMs: number): Buffer {
    return retryFrame(reconnectInMs);
  }

  #follow(): void {
    const before = this.#at;
    const at = this.#environment.current();
    if (at === before) return;
    this.#at = at;
    if (looksDifferent(before.ruleset, at.ruleset, this.#audience)) this.#changedAt = at.position;
    this.#refetch = refetchFrame(at);
    this.#position = positionFrame(at);
  }
}

/** A flag that means the same is the same object: it was compiled anew if it, or anything it depends on, changed. */
function looksDifferent(before: Ruleset, after: Ruleset, audience: Audience): boolean {
  const seen = new Set<CompiledFlag>(visibleFlagsOf(before, audience));
  let count = 0;
  for (const flag of visibleFlagsOf(after, audience)) {
    if (!seen.has(flag)) return true;
    count += 1;
  }
  return count !== seen.size;
}
