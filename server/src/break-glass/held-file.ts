import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { KillView, Timestamp } from '@dimmer/schema/rest';
import { z } from 'zod';
import { hasExpired } from '../flags/kill-edits.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { makeFolder } from '../platform/make-folder.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import { clearAbandoned, readSealed, writeSealed } from '../platform/sealed-file.ts';
import type { HeldKill, HeldKills } from './held-kills.ts';
import { factsOf } from './held-kills.ts';

/** Bytes of the file; a larger one is not used. A thousand kills with long reasons take half of it. */
const FILE_BYTES_MAX = 8_388_608;

/** How often a process that holds kills says so in the file, in milliseconds. */
const STAMP_MS = 60_000;

/**
 * Kills that no process has held for this long are held no more, in milliseconds: a file that comes to light after days
 * must not turn a feature off that everybody has seen on.
 */
export const UNHELD_MAX_MS = 86_400_000;

/** Relays of earlier builds read and write it without `heldAt`. */
const KeptKills = z.object({
  format: z.literal(1),
  /** When a process was last known to hold them. */
  heldAt: Timestamp.optional(),
  kills: z.array(
    z.object({
      environment: z.object({ project: z.string(), environment: z.string() }),
      flag: z.string(),
      kill: KillView,
      actor: z.object({ id: z.string(), name: z.string() }),
    }),
  ),
});

/** Where held kills outlive the process. Nothing here throws or rejects: what fails is logged. */
export interface HeldFile {
  /** Holds what an earlier run has left: to be called before any environment is served. */
  load(): Promise<void>;
  /** Writes what is held now. @returns Whether it is on the disk. */
  keep(): Promise<boolean>;
  /** The last writing. @returns As `keep` does. */
  close(): Promise<boolean>;
}

/** Held kills are kept nowhere: they end with the process, which it says at the start and not only in the hour of need. */
export function notKept(log: Log): HeldFile {
  const isKept = (): Promise<boolean> => Promise.resolve(false);
  return {
    load: async () => log.warn(NOT_KEPT),
    keep: isKept,
    close: isKept,
  };
}

export interface HeldFileParts {
  /** Of a file that no other process writes. */
  readonly path: string;
  /**
   * What seals it. A relay's is the key that breaks the glass. Empty: a checksum, for a server, which has no secret that
   * its database does not have too; whoever can write its folder can be the server.
   */
  readonly secret: string;
  readonly held: HeldKills;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly log: Log;
}

/**
 * Keeps held kills in a file.
 *
 * @example const file = createHeldFile({ path: '/var/lib/dimmer/held-kills.json', secret: '', held, ... });
 */
export function createHeldFile(parts: HeldFileParts): HeldFile {
  const { path, secret, held, clock, random, schedule, log } = parts;
  const folder = dirname(path);
  let writing = Promise.resolve(true);
  let isFailing = false;

  function fail(err: unknown): void {
    if (!isFailing) log.error({ err, file: path }, UNWRITABLE);
    isFailing = true;
  }

  async function write(): Promise<boolean> {
    try {
      makeFolder(folder, 0o700);
      const heldAt = new Date(clock.now()).toISOString();
      const body = JSON.stringify({ format: 1, heldAt, kills: held.all() });
      await writeSealed(path, secret, body, random);
      if (isFailing) log.info({ file: path }, 'held kills are written again');
      isFailing = false;
    } catch (err) {
      fail(err);
    }
    return !isFailing;
  }

  function keep(): Promise<boolean> {
    // One write after the other: a slow disk must not let an older state come last.
    writing = writing.then(write);
    return writing;
  }

  async function readKept(): Promise<z.infer<typeof KeptKills> | undefined> {
    const reading = await readSealed(path, secret, FILE_BYTES_MAX);
    if (reading.outcome === 'absent') return undefined;
    const kept = reading.outcome === 'read' ? keptIn(reading.body) : undefined;
    const problem = reading.outcome === 'read' ? 'its form is not known' : reading.problem;
    if (kept === undefined) log.error({ file: path, problem }, UNREADABLE);
    return kept;
  }

  const stopStamping = schedule.every(STAMP_MS, () => {
    if (held.count > 0) void keep();
  });
  return {
    keep,
    load: async () => {
      await clearAbandoned(folder, `${basename(path)}.`, clock.now());
      for (const kill of heldStill(await readKept(), clock.now(), log)) {
        held.hold(kill.environment, [kill]);
        log.warn(factsOf(kill), 'a kill of an earlier run is held again');
      }
      // Not only in the hour of need.
      await writable(folder).catch(fail);
    },
    close: async () => {
      stopStamping();
      return held.count > 0 ? keep() : writing;
    },
  };
}

const NOT_KEPT =
  'a restart of this server loses the kills that it holds while its database is away. Set DIMMER_HELD_KILLS_DIR to a ' +
  'folder of its own that outlives the process';

const UNWRITABLE =
  'held kills cannot be written: a restart loses them. Make the folder writable for this process, or free space there';

const UNREADABLE = 'held kills of an earlier run are not used: kill again what has to stay off';

async function writable(folder: string): Promise<void> {
  makeFolder(folder, 0o700);
  await access(folder, constants.W_OK);
}

/** Those that are still to be held, of what an earlier run has left. */
function heldStill(kept: z.infer<typeof KeptKills> | undefined, now: number, log: Log): readonly HeldKill[] {
  if (kept === undefined) return [];
  const kills = kept.kills.map(({ kill: { expiresAt, ...kill }, ...rest }): HeldKill => {
    return { ...rest, kill: { ...kill, ...(expiresAt !== undefined && { expiresAt }) } };
  });
  const { heldAt } = kept;
  if (heldAt !== undefined && now - Date.parse(heldAt) > UNHELD_MAX_MS) {
    for (const kill of kills) log.error({ ...factsOf(kill), heldAt }, TOO_OLD);
    return [];
  }
  return kills.filter((kill) => {
    const isOver = hasExpired(kill.kill, now);
    if (isOver) log.warn(factsOf(kill), 'a held kill expired');
    return !isOver;
  });
}

const TOO_OLD = 'a held kill was dropped: nobody has held it for a day. Kill again what has to be off';

/** The body is sealed, so this program wrote it; a later version may have changed its form. */
function keptIn(body: string): z.infer<typeof KeptKills> | undefined {
  try {
    return KeptKills.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}
