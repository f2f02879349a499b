import { z } from 'zod';
import { GOODBYE_REASONS } from '../message.ts';
import { ChangeView } from './changes.ts';
import { ReceiptView } from './reports.ts';
import { Revision } from './terms.ts';

/** The version of the live events that `hello` announces. */
export const LIVE_PROTOCOL = 1;

/** Query of a live stream. */
export const LiveQuery = z.strictObject({
  since: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional().meta({
    description:
      'Begin with the changes after this revision; left out: with the next one. The id of an event in the header Last-Event-ID does the same, and goes before.',
  }),
});

/** First event of a live stream. */
export const LiveHello = z
  .object({
    protocol: z.int(),
    epoch: z.string(),
    revision: Revision.meta({ description: 'Where the environment is.' }),
    since: Revision.meta({
      description: 'Changes after it are told: more than was asked for where the history no longer has them.',
    }),
    heartbeatMs: z.number(),
  })
  .meta({ id: 'LiveHello' });

/** Says, every `heartbeatMs`, that the stream lives, and up to where it has told everything. */
export const LiveHeartbeat = z.object({ revision: Revision }).meta({ id: 'LiveHeartbeat' });

/** Last event of a live stream: come back later. */
export const LiveGoodbye = z
  .object({
    reason: z
      .string()
      .meta({ description: 'A word that the reader may not know yet.', examples: [...GOODBYE_REASONS] }),
    reconnectInMs: z.number(),
  })
  .meta({ id: 'LiveGoodbye' });

/**
 * The data of every live event, by its name. Readers ignore events and fields that they do not know.
 *
 * @example LIVE_EVENTS.receipt.parse(JSON.parse(event.data)) // a ReceiptView
 */
export const LIVE_EVENTS = {
  hello: LiveHello,
  change: ChangeView,
  receipt: ReceiptView,
  heartbeat: LiveHeartbeat,
  goodbye: LiveGoodbye,
} as const;

export type LiveHello = z.infer<typeof LiveHello>;
export type LiveHeartbeat = z.infer<typeof LiveHeartbeat>;
export type LiveGoodbye = z.infer<typeof LiveGoodbye>;

/** One live event: its name and what it carries. */
export type LiveEvent = {
  [Name in keyof typeof LIVE_EVENTS]: {
    readonly event: Name;
    readonly data: z.infer<(typeof LIVE_EVENTS)[Name]>;
  };
}[keyof typeof LIVE_EVENTS];
