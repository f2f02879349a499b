import type { HelloMessage } from '@dimmer/schema';
import type { DeliveryCounts } from './delivery-counts.ts';
import type { RulesetAt } from './environment-ruleset.ts';
import type { FanOutOrder, Publishing } from './fan-out-order.ts';
import type { Placed } from './shown-copy.ts';
import { isAnotherHistory } from './shown-copy.ts';
import type { StreamSetPorts, StreamTarget } from './stream-set.ts';
import { EPOCH_SPREAD_MS, StreamSet } from './stream-set.ts';
import type { Beginning, StreamSource } from './subscriber.ts';

/** Streams that are written in one turn: some milliseconds of work, then whatever is more urgent. */
const VIEWS_PER_TURN = 250;

/** One environment, as a view looks at it. */
export interface ViewedEnvironment {
  /** The environment as it is now: the same object while nothing changes. */
  current(): RulesetAt;
  /** @returns How long ago the database last answered, in milliseconds. */
  readonly databaseAgeMs: (now?: number) => number;
  /** Time between two heartbeats of a stream, in milliseconds. */
  readonly heartbeatMs: number;
}

/** What a stream with a view of its own tells, and how it begins. */
export interface ViewStart {
  readonly source: StreamSource;
  readonly mode: HelloMessage['mode'];
  readonly beginning: Omit<Beginning, 'headers'>;
}

/**
 * Makes what one stream tells of an environment, where that is not its definitions. Its source is asked for bytes
 * only when they are sent, so it may remember what it said last.
 */
export type View = (environment: ViewedEnvironment) => ViewStart;

export interface ViewStreamsPorts extends StreamSetPorts {
  readonly order: FanOutOrder;
  readonly counts: DeliveryCounts;
}

/** A request for a stream with a view of its own. */
export interface ViewRequest extends StreamTarget {
  readonly view: View;
}

/**
 * The streams of one environment that each have a view of their own. They come after the streams of definitions, and
 * share the time with all that is more urgent (SPEC.md, D30).
 */
export class ViewStreams implements Publishing {
  readonly forClients = true;
  readonly set: StreamSet;
  readonly #environment: ViewedEnvironment;
  readonly #ports: ViewStreamsPorts;
  /** Where streams were told to be last. */
  #at: Placed;
  /** Where every stream is, or where it takes no more. */
  #reached: number;
  /** The pass over the streams that is under way. */
  #pass: { readonly to: number; readonly rest: Iterator<{ advance(): void }> } | undefined;

  constructor(environment: ViewedEnvironment, ports: ViewStreamsPorts) {
    this.set = new StreamSet(ports);
    this.#environment = environment;
    this.#ports = ports;
    const { epoch, lineage, position } = environment.current();
    this.#at = { epoch, lineage };
    this.#reached = position;
  }

  open(request: ViewRequest): void {
    const { source, mode, beginning } = request.view(this.#environment);
    this.#ports.counts.opened[mode] += 1;
    this.set.add(request, source).begin({ ...beginning, headers: request.headers });
  }

  get killWaits(): boolean {
    return this.#environment.current().killPosition > this.#reached;
  }

  publish(): void {
    const { epoch, lineage, position } = this.#environment.current();
    const begins = isAnotherHistory(this.#at, { epoch, lineage });
    this.#at = { epoch, lineage };
    if (begins) {
      this.#reached = position;
      this.#pass = undefined;
      this.set.endAll('rebalancing', EPOCH_SPREAD_MS);
      return;
    }
    this.#pass ??= { to: position, rest: this.set.subscribers() };
    if (advanceSome(this.#pass.rest)) {
      this.#reached = this.#pass.to;
      this.#pass = undefined;
      if (this.#reached === position) return;
    }
    // Not done, or the environment has moved on: streams at the front of the pass lack what came meanwhile.
    this.#ports.order.add(this);
  }
}

/** @returns Whether that was the last. */
function advanceSome(rest: Iterator<{ advance(): void }>): boolean {
  for (let count = 0; count < VIEWS_PER_TURN; count += 1) {
    const { done, value } = rest.next();
    if (done) return true;
    value.advance();
  }
  return false;
}
