import type { OnCommitted } from '../changes/commit.ts';
import { commit } from '../changes/commit.ts';
import type { DefinitionSizes } from '../changes/definition-sizes.ts';
import type { EnvironmentState } from '../environments/environment.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Storage, TransactOutcome } from '../storage/storage.ts';
import type { HeldKill } from './held-kills.ts';
import type { Idle } from './reconcile.ts';
import { decide, reconciling } from './reconcile.ts';

/** How many changes of a flag are looked at for a restore. Nobody makes more by hand in one outage. */
const CHANGES_LOOKED_AT = 500;

/** What became of a held kill where the truth is. */
export interface Settled {
  readonly outcome: 'committed' | Idle;
  /** The copy that knows of it: at this revision of this epoch, or later. `undefined`: there is no such environment. */
  readonly at: { readonly epoch: string; readonly revision: number } | undefined;
}

/**
 * Brings a held kill where it belongs, or finds that it does not belong there.
 *
 * @param committing - Wraps what cannot be taken back any more.
 * @returns `undefined` where it has to be tried again.
 * @throws StorageFault where nobody answers.
 */
export type SettleHeld = (
  held: HeldKill,
  committing: <T>(run: () => Promise<T>) => Promise<T>,
) => Promise<Settled | undefined>;

export interface SettleHeldPorts {
  readonly storage: Storage;
  readonly sizes: DefinitionSizes;
  /** Told of what is committed. */
  readonly onCommitted: OnCommitted;
  readonly host: string;
  readonly random: Random;
  readonly log: Log;
}

/** Settles held kills in a database: each is decided on the state and the history that it has then. */
export function settleInStorage(ports: SettleHeldPorts): SettleHeld {
  const { storage } = ports;
  return async (held, committing) => {
    const { environment, flag } = held;
    const state = await storage.read(environment.project);
    const there = state?.environments.get(environment.environment);
    if (there === undefined) return { outcome: 'gone', at: undefined };
    const changes = await storage.history(environment, { flag, limit: CHANGES_LOOKED_AT });
    const decision = decide(held, state, (await isRemembered(storage, held)) ? changes : undefined);
    const { epoch } = there.environment;
    if (decision !== 'commit') return { outcome: decision, at: { epoch, revision: there.revision } };
    const revision = await committing(() => commitHeld(ports, held, there));
    return revision === undefined ? undefined : { outcome: 'committed', at: { epoch, revision } };
  };
}

/** Whether the history still tells everything that has happened since the kill was asked for. */
async function isRemembered(
  storage: Pick<Storage, 'revisionAt' | 'history'>,
  { environment, kill }: HeldKill,
): Promise<boolean> {
  if ((await storage.revisionAt(environment, Date.parse(kill.at))) !== undefined) return true;
  // Clocks of two machines: one that begins at the beginning has forgotten nothing.
  const [first] = await storage.history(environment, { before: 2, limit: 1 });
  return first !== undefined;
}

/** @returns The revision that has it; `undefined` where it has to be decided again. */
async function commitHeld(
  { storage, sizes, onCommitted, host, random, log }: SettleHeldPorts,
  held: HeldKill,
  there: EnvironmentState,
): Promise<number | undefined> {
  const request = reconciling(held, there, host);
  const outcome = await commit(storage, { ...request, newSeed: () => random.uint32(), sizes, onCommitted });
  if (outcome.ok) return revisionIn(outcome.value);
  const { environment, flag } = held;
  log.warn({ ...environment, flag, refused: outcome.rejection.detail }, 'a held kill was not committed yet');
  return undefined;
}

function revisionIn({ reply: { body } }: TransactOutcome): number | undefined {
  const revision: unknown = typeof body === 'object' && body !== null && Reflect.get(body, 'revision');
  return typeof revision === 'number' ? revision : undefined;
}
