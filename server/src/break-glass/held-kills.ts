import type { Actor } from '../access/api-key.ts';
import type { HeldFlags, Holder } from '../delivery/shown-copy.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import { nameOf } from '../environments/environment.ts';
import type { Kill } from '../flags/flag.ts';
import type { Random } from '../platform/random.ts';
import { newEpoch } from '../rest/create-project.ts';

/** How many kills one server holds at most. More than that is no emergency, but a database to bring back. */
export const HELD_KILLS_MAX = 1_000;

/** A kill that this process holds, and the database does not have. Immutable. */
export interface HeldKill {
  readonly environment: EnvironmentRef;
  readonly flag: string;
  /** As it will be in the database: with the time at which it was asked for. */
  readonly kill: Kill;
  readonly actor: Actor;
}

interface HeldEnvironment {
  readonly environment: EnvironmentRef;
  readonly kills: ReadonlyMap<string, HeldKill>;
  readonly flags: HeldFlags;
}

/**
 * The kills that this process holds, in memory. What outlives it is a `HeldFile`'s.
 *
 * @example held.hold([{ environment, flag: 'checkout-v2', kill, actor }]);
 */
export class HeldKills implements Holder {
  readonly #random: Random;
  readonly #environments = new Map<string, HeldEnvironment>();
  readonly #listeners = new Set<(environment: EnvironmentRef) => void>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** How many are held, in all environments. */
  get count(): number {
    return this.all().length;
  }

  all(): readonly HeldKill[] {
    return [...this.#environments.values()].flatMap(({ kills }) => [...kills.values()]);
  }

  /** Those of one environment, in the order in which they came. */
  of(environment: EnvironmentRef): readonly HeldKill[] {
    return [...(this.#environments.get(nameOf(environment))?.kills.values() ?? [])];
  }

  heldOver(environment: EnvironmentRef): HeldFlags | undefined {
    return this.#environments.get(nameOf(environment))?.flags;
  }

  /** Holds kills of one environment; of a flag that is held already, the newest counts. */
  hold(environment: EnvironmentRef, added: readonly HeldKill[]): void {
    const kills = new Map(this.#environments.get(nameOf(environment))?.kills);
    for (const kill of added) kills.set(kill.flag, kill);
    this.#set(environment, kills);
  }

  /** Lets go of exactly these; one that another has replaced meanwhile stays. */
  drop(environment: EnvironmentRef, dropped: readonly HeldKill[]): void {
    const known = this.#environments.get(nameOf(environment))?.kills;
    if (known === undefined) return;
    const gone = new Set(dropped);
    this.#set(environment, new Map([...known].filter(([, kill]) => !gone.has(kill))));
  }

  onChange(listener: (environment: EnvironmentRef) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #set(environment: EnvironmentRef, kills: ReadonlyMap<string, HeldKill>): void {
    const name = nameOf(environment);
    const before = this.#environments.get(name)?.flags;
    const flags = new Set(kills.keys());
    const isSame = before !== undefined && isSameSet(before.flags, flags);
    if (kills.size === 0) this.#environments.delete(name);
    else {
      const shown = isSame ? before : { epoch: newEpoch(this.#random), flags };
      this.#environments.set(name, { environment, kills, flags: shown });
    }
    if (!isSame) for (const listener of this.#listeners) listener(environment);
  }
}

/** What the log says of a held kill. */
export function factsOf({ environment, flag, kill, actor }: HeldKill): object {
  return { ...environment, flag, actor, reason: kill.reason, at: kill.at };
}

function isSameSet(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((key) => other.has(key));
}
