import { ReportInput } from '@dimmer/schema/rest';
import { z } from 'zod';
import type { Instance } from './instance.ts';

const Problem = z.object({
  code: z.string(),
  epoch: z.string().nullable(),
  from: z.number().nullable(),
  revision: z.number().nullable(),
  message: z.string(),
  at: z.number(),
});

/** As a server of another version may have written it: what is missing has told nothing. */
const Document = z.object({
  facts: ReportInput.shape.instance.optional(),
  status: ReportInput.shape.status.optional(),
  startedAt: z.number().optional(),
  heardAt: z.number().optional(),
  via: z.string().nullable().default(null),
  seenAt: z.number().optional(),
  connectedAt: z.number().optional(),
  streams: z.number().default(0),
  applied: z
    .array(z.object({ epoch: z.string(), from: z.number(), revision: z.number(), at: z.number() }))
    .default([]),
  dropped: z.object({ exposures: z.number(), events: z.number() }).default({ exposures: 0, events: 0 }),
  problems: z.array(Problem).default([]),
});

/** An instance as its server shares it with the others. Which batches it has counted is its own business. */
export function documentOf({ id: _, batches: __, ...told }: Instance): string {
  return JSON.stringify(told);
}

/**
 * The instance of a document.
 *
 * @returns `undefined` where it cannot be read.
 */
export function instanceOf(id: string, document: string): Instance | undefined {
  const { success, data } = Document.safeParse(parse(document));
  if (!success) return undefined;
  const { facts, status, startedAt, heardAt, seenAt, connectedAt } = data;
  return { ...data, facts, status, startedAt, heardAt, seenAt, connectedAt, id, batches: [] };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
