/** A row that cannot be relied on. Its last good version or nothing takes its place, and all others go on. */
export interface Damage {
  readonly kind: 'flag' | 'configuration' | 'segment' | 'definition' | 'change' | 'audit entry' | 'reply';
  /** Which one: `shop/checkout-v2`, `shop/production/beta at revision 7`. */
  readonly name: string;
  /** What is wrong with it. */
  readonly problem: string;
  /** What an operator can do. */
  readonly remedy: string;
}

export type DamageListener = (damage: Damage) => void;

const REMEDIES: { readonly [kind in Damage['kind']]: string } = {
  flag: 'Change the flag once, which writes it anew; create it again where it is gone.',
  configuration: 'Change the configuration once, which writes it anew; PUT it where it is gone.',
  segment: 'Change the segment once, which writes it anew; create it again where it is gone.',
  definition: 'Change the flag or segment once, which writes its definition anew.',
  change: 'Revert past it by naming the flags to revert, or restore the database from a backup.',
  'audit entry': 'Restore the database from a backup if the entry is needed.',
  reply: 'None is needed: the request is carried out again.',
};

/**
 * A damage, with what mends it.
 *
 * @param name - Of what is damaged, as people find it.
 * @param problem - What is wrong with it.
 */
export function damageOf(kind: Damage['kind'], name: string, problem: string): Damage {
  return { kind, name, problem, remedy: REMEDIES[kind] };
}
