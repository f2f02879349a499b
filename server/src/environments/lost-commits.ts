import { SYSTEM } from '../access/api-key.ts';
import { commit } from '../changes/commit.ts';
import type { Result } from '../changes/result.ts';
import { accepted, andThen, rejected } from '../changes/result.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { newEpoch } from '../rest/create-project.ts';
import type { LostCommits, Storage } from '../storage/storage.ts';
import { nameOf, type ProjectState } from './environment.ts';
import { renewEpoch } from './environment-edits.ts';
import { environmentOf } from './project-state.ts';

export interface LostCommitsPorts {
  readonly storage: Storage;
  readonly random: Random;
  readonly log: Log;
  /** Told of each environment that this server gave another epoch. */
  readonly onRenewed: () => void;
}

/**
 * Gives environments another epoch whose database lacks commits that this server has seen, so that SDKs, which never go
 * back inside an epoch, take what the database has. Of several servers that see it one does it.
 *
 * @returns Ends it.
 * @example const stop = renewWhereCommitsAreLost({ storage, random, log, onRenewed: registerLosses(registry) });
 */
export function renewWhereCommitsAreLost(ports: LostCommitsPorts): () => void {
  const { storage, log } = ports;
  const underWay = new Set<string>();
  const renew = async (lost: LostCommits): Promise<void> => {
    const name = nameOf(lost);
    if (underWay.has(name)) return;
    underWay.add(name);
    try {
      await renewOnce(ports, lost);
    } catch (err) {
      // It is told again in a second.
      log.error({ ...lost, err }, 'commits were lost, and the environment has no new epoch yet');
    } finally {
      underWay.delete(name);
    }
  };
  return storage.onLoss?.((lost) => void renew(lost)) ?? (() => {});
}

async function renewOnce(
  { storage, random, log, onRenewed }: LostCommitsPorts,
  lost: LostCommits,
): Promise<void> {
  const { project, environment, seen } = lost;
  const epoch = newEpoch(random);
  const outcome = await commit(storage, {
    project,
    actor: SYSTEM,
    action: 'environment.renew-epoch',
    subject: `environment/${environment}`,
    reason: `The database lacks commits up to revision ${seen} that were acknowledged.`,
    details: detailsOf(lost, epoch),
    edit: renewEpoch(environment, epoch),
    precondition: (state) => stillLacks(state, lost),
    newSeed: () => random.uint32(),
    reply: () => ({ status: 200, etag: null, body: { epoch } }),
  });
  if (!outcome.ok) {
    log.info({ ...lost, why: outcome.rejection.detail }, 'an environment needs no new epoch any more');
    return;
  }
  onRenewed();
  log.error(
    { ...lost, renewed: epoch },
    'the database has lost acknowledged commits: the environment goes on in a new epoch, and SDKs take what the database has. ' +
      'What was changed last, kills above all, has to be done again',
  );
}

/**
 * Under the lock of the project: it is the epoch that commits were lost in, and what proves it holds, a lower revision or
 * the very revision that was found with others in the place of those that were lost.
 */
function stillLacks(state: ProjectState, lost: LostCommits): Result<void> {
  return andThen(environmentOf(state, lost.environment), ({ environment, revision }) => {
    const isProven = revision < lost.seen || revision === lost.found;
    if (environment.epoch === lost.epoch && isProven) return accepted(undefined);
    return rejected({ code: 'PRECONDITION_FAILED', detail: 'The environment has moved on since.' });
  });
}

function detailsOf({ epoch, seen, found }: LostCommits, renewed: string) {
  const isReplaced = found >= seen;
  return {
    epoch: { before: epoch, after: renewed },
    // Where others are in their place, it is not known from where on.
    lost: { from: isReplaced ? null : found + 1, to: seen },
  };
}
