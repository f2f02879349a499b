import { z } from 'zod';

/** Faults of one list after which the rest of it is not judged: as many as an answer lists. */
const LIST_FAULTS_MAX = 50;

/**
 * A list whose judgement ends at its fiftieth fault. `z.array` makes an issue for each entry that is wrong: a megabyte
 * of `[1,1,1,…` where texts belong takes seconds and hundreds of megabytes, and beyond some 100,000 it throws.
 */
const BoundedList = z.core.$constructor(
  'BoundedList',
  (list: z.ZodArray, definition: z.core.$ZodArrayDef) => {
    z.ZodArray.init(list, definition);
    const parse = list._zod.parse;
    const { element } = definition;
    list._zod.parse = (payload, ctx) => {
      const entries: unknown = payload.value;
      // What zod prepares for a list, it prepares for an empty one too; and what is no list is refused there.
      const judged = parse(Array.isArray(entries) ? { ...payload, value: [] } : payload, ctx);
      if (!Array.isArray(entries) || judged instanceof Promise) return judged;
      const values: unknown[] = [];
      for (let index = 0; index < entries.length && payload.issues.length < LIST_FAULTS_MAX; index += 1) {
        const entry = element._zod.run({ value: entries[index], issues: [] }, ctx);
        if (entry instanceof Promise) throw new z.core.$ZodAsyncError();
        for (const issue of z.core.util.prefixIssues(index, entry.issues)) payload.issues.push(issue);
        values.push(entry.value);
      }
      payload.value = values;
      return payload;
    };
  },
);

/**
 * A list without a maximum of its own: what bounds it is the size of what it is part of.
 *
 * @example listOf(Key)
 */
export function listOf<T extends z.ZodType>(element: T): z.ZodArray<T> {
  // The constructor is typed for any element; it hands on what it was given.
  return new BoundedList({ type: 'array', element }) as unknown as z.ZodArray<T>;
}
