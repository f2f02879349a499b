import { z } from 'zod';
import { KillView } from './configurations.ts';
import { ChangeReason, Key, Revision, Timestamp } from './terms.ts';

/** In a kill: hold it in this server where the database does not answer. In a restore: lift what is held. */
export const BreakGlass = z
  .boolean()
  .optional()
  .meta({
    description:
      'Of a kill: where the database does not answer, this server alone holds it, and commits it later. ' +
      'Of a restore: lifts what this server holds, and asks no database.',
  });

const ThisServer = {
  server: z.string().meta({ description: 'The host that holds it. Other servers do not know of it.' }),
  streams: z.int().min(0).meta({ description: 'Streams of the environment that are open at this server.' }),
};

/** A kill that the database does not have, as the server that holds it answers (202). */
export const HeldView = z
  .object({
    held: z.literal(true),
    ...ThisServer,
    project: Key,
    environment: Key,
    flags: z.array(Key),
    at: Timestamp,
    kept: z
      .boolean()
      .meta({ description: 'Whether it is on the disk of the server, and so outlives a restart.' }),
    detail: z.string().meta({ description: 'What happened, and what did not.' }),
  })
  .meta({ id: 'HeldKill' });

/** What became of a restore of held kills (202). */
export const LiftedView = z
  .object({
    lifted: z.boolean().meta({ description: 'False where this server held no kill of the flag.' }),
    ...ThisServer,
    project: Key,
    environment: Key,
    flag: Key,
  })
  .meta({ id: 'LiftedKill' });

/** The kills of one environment that this server holds. */
export const HeldKillsView = z
  .object({ ...ThisServer, items: z.array(KillView.extend({ flag: Key })) })
  .meta({ id: 'HeldKills' });

/** A kill that another process, such as a relay, has held. */
export const HeldKillInput = z
  .strictObject({
    flag: Key,
    reason: ChangeReason,
    heldForMs: z.int().min(0).meta({
      description: 'How long ago it was asked for: an age, because the clocks of two machines differ.',
    }),
    expiresAt: Timestamp.optional(),
  })
  .meta({ id: 'HeldKillInput' });

/** What became of it: committed, or not, because people or time have gone on. */
export const SettledView = z
  .object({
    outcome: z.enum(['committed', 'restored', 'killed later', 'gone']).meta({
      description: '`gone`: the flag, or what the history had to tell of it since the kill.',
    }),
    at: z
      .object({ epoch: z.string(), revision: Revision })
      .nullable()
      .meta({ description: 'Where an environment knows of it; null: there is no such environment.' }),
  })
  .meta({ id: 'SettledKill' });

export type HeldKillInput = z.infer<typeof HeldKillInput>;
export type SettledView = z.infer<typeof SettledView>;
export type HeldView = z.infer<typeof HeldView>;
export type LiftedView = z.infer<typeof LiftedView>;
export type HeldKillsView = z.infer<typeof HeldKillsView>;
