import type { WireObject } from '@dimmer/schema';
import { isFlagDefinition } from '@dimmer/schema';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { EnvironmentCopy } from './environment-copy.ts';
import { isKilled } from './environment-copy.ts';

/** Flags of one environment that are killed here, whatever the database says. */
export interface HeldFlags {
  /** A random word that names this set: the epoch of the copy begins with it, and is nobody else's. */
  readonly epoch: string;
  /** Keys. */
  readonly flags: ReadonlySet<string>;
}

/** Who holds kills that the database does not have. */
export interface Holder {
  /** @returns `undefined` where nothing is held. The same object while nothing changes. */
  heldOver(environment: EnvironmentRef): HeldFlags | undefined;
  /** @returns A function that ends the subscription. */
  onChange(listener: (environment: EnvironmentRef) => void): () => void;
}

/**
 * A copy as streams and evaluation get it: the database's, or that with held kills over it. Then it has an epoch of
 * its own, in which its revision is the database's: the next revision of the history is never taken by anybody but
 * the database.
 */
export interface ShownCopy extends EnvironmentCopy {
  /** The epoch of the history that it comes from. */
  readonly origin: string;
  /** What is held over it. */
  readonly held: HeldFlags | undefined;
  /**
   * Where it stands among all that were shown: as many steps as revisions inside an epoch, one for a crossing to another.
   */
  readonly position: number;
  /** The position of the last kill; 0 when none is known. */
  readonly killPosition: number;
}

/**
 * Shows the copies of one environment, one after the other.
 *
 * @returns A function from the database's copy and what is held over it to the copy to show.
 * @example
 * const show = copyShower();
 * show(copy, { epoch: 'k3…', flags: new Set(['checkout-v2']) }).objects.get('flag/checkout-v2') // killed
 */
export function copyShower(): (base: EnvironmentCopy, held: HeldFlags | undefined) => ShownCopy {
  const killedOf = killedDefinitions();
  let before: ShownCopy | undefined;
  return (base, held) => {
    const copy = held === undefined ? base : withKilled(base, held, killedOf);
    before = { ...copy, origin: base.epoch, held, ...placeOf(copy, held, before) };
    return before;
  };
}

/** Where a copy stands among epochs. */
export type Placed = Pick<ShownCopy, 'epoch' | 'lineage'>;

/** Whether streams can go from one copy to the other without beginning anew. */
export function isCrossing(before: Placed, after: Placed): boolean {
  return before.epoch !== after.epoch && before.lineage === after.lineage;
}

/** Whether streams have to begin anew. */
export function isAnotherHistory(before: Placed, after: Placed): boolean {
  return before.epoch !== after.epoch && before.lineage !== after.lineage;
}

/**
 * The copy in which these flags are killed, and nothing else differs. Versions stay, and with them the digest: the epoch
 * is what tells the two apart. Flags that are not there, or killed already, are left alone.
 *
 * @param killedOf - Makes the killed definition of an object.
 */
export function withKilled(
  copy: EnvironmentCopy,
  { epoch, flags }: HeldFlags,
  killedOf: (object: WireObject) => WireObject,
): EnvironmentCopy {
  const objects = new Map(copy.objects);
  for (const key of flags) {
    const name = `flag/${key}`;
    const object = objects.get(name);
    if (object !== undefined) objects.set(name, killedOf(object));
  }
  return { ...copy, epoch: epoch + copy.epoch, objects };
}

/** Of the same object the same killed one, always: readers tell by identity what has changed. */
export function killedDefinitions(): (object: WireObject) => WireObject {
  const known = new WeakMap<WireObject, WireObject>();
  return (object) => {
    if (!isFlagDefinition(object) || object.killed === true) return object;
    const killed = known.get(object) ?? { ...object, killed: true };
    known.set(object, killed);
    return killed;
  };
}

function placeOf(
  copy: EnvironmentCopy,
  held: HeldFlags | undefined,
  before: ShownCopy | undefined,
): Pick<ShownCopy, 'position' | 'killPosition'> {
  if (before === undefined) return { position: copy.revision, killPosition: copy.lastKill };
  const isSameEpoch = copy.epoch === before.epoch;
  const steps = isSameEpoch ? copy.revision - before.revision : 1;
  const isHeldAnew = [...(held?.flags ?? [])].some((key) => before.held?.flags.has(key) !== true);
  const position = before.position + steps;
  // Whoever held it, here or upstream: a relay is told no more than that the epoch is another one.
  const isKilledAcross = isCrossing(before, copy) && killsMore(before, copy);
  const isKill = copy.lastKill > before.revision || isHeldAnew || isKilledAcross;
  return { position, killPosition: isKill ? position : before.killPosition };
}

function killsMore(before: EnvironmentCopy, after: EnvironmentCopy): boolean {
  return [...after.objects].some(([name, object]) => isKilled(object) && !isKilled(before.objects.get(name)));
}
