import type { Cursor } from '@dimmer/schema';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { Log } from '../platform/log.ts';
import type { ChangeFeedPorts } from './change-feed.ts';

export interface ReaderAheadPorts {
  readonly environment: EnvironmentRef;
  readonly whereabouts: ChangeFeedPorts['whereabouts'];
  readonly log: Log;
}

/**
 * What the readers of one environment know that the database does not have. They were told it, unless they lie: anybody who
 * has the key could.
 */
export class ReaderAhead {
  readonly #ports: ReaderAheadPorts;
  /** The furthest that a reader was told of an epoch, and that the database did not have. */
  #furthest: Cursor | undefined;

  constructor(ports: ReaderAheadPorts) {
    this.#ports = ports;
  }

  /** Whether a reader knows more than this copy, which is the database's. */
  isAheadOf(copy: Cursor | undefined): boolean {
    const furthest = this.#furthest;
    return furthest !== undefined && copy?.epoch === furthest.epoch && copy.revision < furthest.revision;
  }

  /**
   * Looks whether the database lacks what a reader knows, and logs it once. It is asked anew, because the feed may be the
   * one that is behind.
   */
  async look({ epoch, revision }: Cursor): Promise<void> {
    const { environment, whereabouts, log } = this.#ports;
    const there = await whereabouts?.(environment).catch(() => undefined);
    if (there === undefined || there.epoch !== epoch || there.revision >= revision) return;
    if (this.#furthest?.epoch === epoch && this.#furthest.revision >= revision) return;
    this.#furthest = { epoch, revision };
    log.error(
      { ...environment, epoch, revision: there.revision, readerHas: revision },
      'a reader knows revisions that the database does not have: it keeps them until there are as many. Were commits lost, ' +
        'at a failover or by a restore? Then give the environment a new epoch: dimmer renew-epoch',
    );
  }
}
