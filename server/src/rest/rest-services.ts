import type { KeyDirectory } from '../access/key-directory.ts';
import type { OnCommitted } from '../changes/commit.ts';
import type { DefinitionSizes } from '../changes/definition-sizes.ts';
import type { Clock } from '../platform/clock.ts';
import type { Random } from '../platform/random.ts';
import type { Schedule } from '../platform/schedule.ts';
import type { Tracing } from '../platform/tracing.ts';
import type { Storage } from '../storage/storage.ts';

/** What the REST routes work with. */
export interface RestServices {
  readonly storage: Storage;
  readonly keys: KeyDirectory;
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule: Schedule;
  /** How large the definitions of environments are: remembered, so that a write measures only what it changes. */
  readonly sizes: DefinitionSizes;
  readonly tracing: Tracing;
  /** Told of what was committed. */
  readonly onCommitted: OnCommitted;
}
