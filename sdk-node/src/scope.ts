import type { Evaluation, EvaluationContext, FlagType, JsonValue } from '@dimmer/schema';
import type { FlagTable } from './flag-table.ts';
import { asExpected, typeOf } from './flag-table.ts';
import type { FlagDetail, FlagScope, Widened } from './flags.ts';
import type { KillWatch, WatchedSignal } from './kill-watch.ts';

/** A flag as it was at its first use. */
interface Pin {
  readonly evaluation: Evaluation;
  readonly type: FlagType;
  readonly killsBefore: number;
}

/** A flag's first evaluation in a scope counts as one exposure; reading it again asks nobody. */
export class Scope implements FlagScope {
  readonly #table: FlagTable;
  readonly #kills: KillWatch;
  readonly #context: EvaluationContext;
  readonly #pins = new Map<string, Pin>();
  #watched: WatchedSignal | undefined;

  constructor(table: FlagTable, kills: KillWatch, context: EvaluationContext) {
    this.#table = table;
    this.#kills = kills;
    this.#context = context;
  }

  boolean(key: string, fallback: boolean): boolean {
    const { value } = this.#pinned(key, 'boolean', fallback);
    return typeof value === 'boolean' ? value : fallback;
  }

  string(key: string, fallback: string): string {
    const { value } = this.#pinned(key, 'string', fallback);
    return typeof value === 'string' ? value : fallback;
  }

  number(key: string, fallback: number): number {
    const { value } = this.#pinned(key, 'number', fallback);
    return typeof value === 'number' ? value : fallback;
  }

  json<Value extends JsonValue>(key: string, fallback: Value): Value {
    const { value } = this.#pinned(key, 'json', fallback);
    return value === undefined ? fallback : asExpected(value);
  }

  detail<Value extends JsonValue>(key: string, fallback: Value): FlagDetail<Widened<Value>> {
    return this.#table.detailOf(this.#pinned(key, typeOf(fallback), fallback), fallback);
  }

  get signal(): AbortSignal {
    this.#watched ??= this.#kills.watch(this.#pins);
    return this.#watched.signal;
  }

  close(): void {
    this.#watched?.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #pinned(key: string, type: FlagType, fallback: JsonValue): Evaluation {
    const pin = this.#pins.get(key);
    if (pin?.type === type) return pin.evaluation;
    const evaluation = this.#table.evaluation(key, this.#context, type, fallback);
    // A flag that is read as two types is pinned as the first; as the second it can only be a mismatch.
    if (pin === undefined) this.#pins.set(key, { evaluation, type, killsBefore: this.#kills.count });
    return evaluation;
  }
}
