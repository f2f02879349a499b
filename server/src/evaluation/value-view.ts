import type { Cursor, HelloMessage } from '@dimmer/schema';
import type { RulesetAt } from '../delivery/environment-ruleset.ts';
import { commitFrame, deleteFrame, heartbeatFrame, helloFrame } from '../delivery/frames.ts';
import type { StreamSource } from '../delivery/subscriber.ts';
import type { View, ViewedEnvironment } from '../delivery/view-streams.ts';
import type { ContextValues } from './context-values.ts';
import type { EncodedValue, ValueCache } from './value-cache.ts';

/** What a reader of values says that it holds. */
export interface HeldValues {
  readonly since: Cursor | undefined;
  readonly digest: number | undefined;
}

/**
 * A stream of one context's values (SPEC.md, D31 and on). It begins with nothing where the reader's digest is that
 * of its context here, else with everything; from then on each revision is one commit, empty where no answer changed.
 *
 * @param held - What the reader holds already.
 * @example await delivery.openView(environment, { response, keyId, headers, view: valueView(values, cache, held) });
 */
export function valueView(values: ContextValues, cache: ValueCache, held: HeldValues): View {
  return (environment) => {
    const at = environment.current();
    values.advance(cache.flagsOf(at.ruleset));
    const mode = modeOf(at, values.digest, held);
    const { heartbeatMs } = environment;
    const databaseAgeMs = environment.databaseAgeMs();
    return {
      source: new ValueSource(values, cache, environment),
      mode,
      beginning: {
        revision: at.position,
        hello: helloFrame(at, mode, { heartbeatMs, databaseAgeMs }),
        objects: beginningOf(at, values, mode, held),
      },
    };
  };
}

/** One context's answers as a source of bytes: it says what differs from what it said last. */
class ValueSource implements StreamSource {
  readonly #values: ContextValues;
  readonly #cache: ValueCache;
  readonly #environment: ViewedEnvironment;
  /** The moment of the values. */
  #told: RulesetAt;

  constructor(values: ContextValues, cache: ValueCache, environment: ViewedEnvironment) {
    this.#values = values;
    this.#cache = cache;
    this.#environment = environment;
    this.#told = environment.current();
  }

  get revision(): number {
    return this.#environment.current().position;
  }

  bytesSince(position: number): Buffer {
    const at = this.#environment.current();
    const told = this.#told;
    // Back where it was: a kill was held and lifted before this stream took it.
    if (at.epoch === told.epoch && at.revision === told.revision) return NOTHING;
    const { puts, removed } = this.#values.advance(this.#cache.flagsOf(at.ruleset));
    this.#told = at;
    const deletes = removed.map(({ key, version }) => deleteFrame({ kind: 'value', key, version }));
    const commit = commitFrame({ ...at, digest: this.#values.digest }, { kill: at.killPosition > position });
    const crossing = at.epoch === told.epoch ? [] : [this.#hello(at)];
    return Buffer.concat([...crossing, ...framesOf(puts), ...deletes, commit]);
  }

  heartbeat(now: number): Buffer {
    const { digest } = this.#values;
    return heartbeatFrame({ revision: this.#told.revision, digest }, this.#environment.databaseAgeMs(now));
  }

  #hello(at: RulesetAt): Buffer {
    const { heartbeatMs, databaseAgeMs } = this.#environment;
    return helloFrame(at, 'delta', { heartbeatMs, databaseAgeMs: databaseAgeMs() });
  }
}

const NOTHING = Buffer.alloc(0);

/** An equal digest means equal values, whatever happened between: the history of a context is kept nowhere. */
function modeOf(at: RulesetAt, digest: number, held: HeldValues): HelloMessage['mode'] {
  const { since } = held;
  if (since === undefined || since.epoch !== at.epoch || since.revision > at.revision) return 'full';
  if (held.digest !== digest) return 'full';
  return since.revision === at.revision ? 'none' : 'delta';
}

function beginningOf(
  at: RulesetAt,
  { values, digest }: ContextValues,
  mode: HelloMessage['mode'],
  { since }: HeldValues,
): Buffer | undefined {
  if (mode === 'none') return undefined;
  const kill = mode === 'delta' && since !== undefined && at.lastKill > since.revision;
  const commit = commitFrame({ ...at, digest }, { kill });
  return mode === 'delta' ? commit : Buffer.concat([...framesOf(values), commit]);
}

function framesOf(values: readonly EncodedValue[]): Buffer[] {
  return values.map(({ put }) => put);
}
