import { join } from 'node:path';
import { KillView } from '@dimmer/schema/rest';
import { z } from 'zod';
import type { HeldKill, HeldKills } from '../break-glass/held-kills.ts';
import type { Log } from '../platform/log.ts';
import { makeFolder } from '../platform/make-folder.ts';
import type { Random } from '../platform/random.ts';
import { readSealed, writeSealed } from './sealed-file.ts';

/** Bytes of the file; a larger one is not used. A thousand kills with long reasons take half of it. */
const FILE_BYTES_MAX = 8_388_608;

const KeptKills = z.object({
  format: z.literal(1),
  kills: z.array(
    z.object({
      environment: z.object({ project: z.string(), environment: z.string() }),
      flag: z.string(),
      kill: KillView,
      actor: z.object({ id: z.string(), name: z.string() }),
    }),
  ),
});

/** What a relay holds, on disk. */
export interface HeldCache {
  /** Holds what an earlier run has left. What cannot be read is logged, and nothing is held. */
  load(): Promise<void>;
  /** Resolves when what is held now has been written. */
  written(): Promise<void>;
}

/** Keeps held kills in a file that is sealed with the key that breaks the glass. */
export function createHeldCache(parts: {
  readonly folder: string;
  readonly secret: string;
  readonly held: HeldKills;
  readonly random: Random;
  readonly log: Log;
}): HeldCache {
  const { folder, secret, held, random, log } = parts;
  const path = join(folder, 'relay-held-kills.json');
  let writing = Promise.resolve();

  async function write(kills: readonly HeldKill[]): Promise<void> {
    try {
      makeFolder(folder, 0o700);
      const suffix = Buffer.from(random.bytes(8)).toString('hex');
      await writeSealed(path, `${path}.${suffix}.tmp`, secret, JSON.stringify({ format: 1, kills }));
    } catch (err) {
      log.error({ err, file: path }, 'held kills cannot be written: a restart loses them');
    }
  }

  const save = (): void => {
    const kills = held.all();
    // One write after the other: a slow disk must not let an older state come last.
    writing = writing.then(() => write(kills));
  };
  return {
    load: async () => {
      const reading = await readSealed(path, secret, FILE_BYTES_MAX);
      if (reading.outcome === 'read') {
        for (const kill of killsIn(reading.body)) held.hold(kill.environment, [kill]);
      } else if (reading.outcome === 'unusable') {
        log.error({ file: path, problem: reading.problem }, 'held kills of an earlier run are not used');
      }
      held.onChange(save);
    },
    written: () => writing,
  };
}

/** The body is sealed, so a relay wrote it; a later version may have changed its form. */
function killsIn(body: string): readonly HeldKill[] {
  const parsed = KeptKills.safeParse(JSON.parse(body));
  if (!parsed.success) return [];
  return parsed.data.kills.map(({ kill: { expiresAt, ...kill }, ...rest }) => ({
    ...rest,
    kill: { ...kill, ...(expiresAt !== undefined && { expiresAt }) },
  }));
}
