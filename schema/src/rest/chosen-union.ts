import { z } from 'zod';

interface ChosenUnionDef extends z.core.$ZodUnionDef {
  /** The one option that can fit a value, by its place; `undefined`: all are tried. */
  readonly choose: (value: unknown) => number | undefined;
}

const ChosenUnion = z.core.$constructor('ChosenUnion', (union: z.ZodUnion, definition: ChosenUnionDef) => {
  z.ZodUnion.init(union, definition);
  const parse = union._zod.parse;
  const { options, choose } = definition;
  union._zod.parse = (payload, ctx) => {
    const option = options[choose(payload.value) ?? -1];
    return option === undefined ? parse(payload, ctx) : option._zod.run(payload, ctx);
  };
});

/**
 * A union that looks at a value once to tell which option it can be. `z.union` tries one after the other and keeps the
 * faults of each: of a list of thousands of conditions, most of the time and memory went into options that were not meant.
 *
 * @param choose - The only option that can fit, by its place. A fault is then a fault of that option.
 * @example chosenUnion([z.string(), z.number()], (value) => (typeof value === 'string' ? 0 : 1))
 */
export function chosenUnion<const T extends readonly z.ZodType[]>(
  options: T,
  choose: ChosenUnionDef['choose'],
): z.ZodUnion<T> {
  // The constructor is typed for any options; it hands on what it was given.
  return new ChosenUnion({ type: 'union', options, choose } as never) as unknown as z.ZodUnion<T>;
}

/**
 * Chooses by the member that only one option has.
 *
 * @param members - One of each option, in their order.
 * @returns No option for what has none of them, or several.
 * @example chooseByMember(['all', 'any'])({ any: [] }) // 1
 */
export function chooseByMember(members: readonly string[]): ChosenUnionDef['choose'] {
  return (value) => {
    if (typeof value !== 'object' || value === null) return undefined;
    const found = members.filter((member) => Object.hasOwn(value, member));
    const [member] = found;
    return member === undefined || found.length > 1 ? undefined : members.indexOf(member);
  };
}
