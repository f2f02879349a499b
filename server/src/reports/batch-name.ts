import { createHash } from 'node:crypto';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { ExposureSource } from '../storage/exposure-store.ts';

/** Characters of a name: 132 bits, which nobody finds another batch for. */
const NAME_CHARACTERS = 22;

/** Who counted a batch, and what it is called there. */
export interface BatchOrigin extends EnvironmentRef {
  /** What browsers call theirs is apart from what servers do: anybody has their key. */
  readonly source: ExposureSource;
  readonly instance: string;
  readonly id: string;
}

/**
 * What a batch is called among those of all environments and instances, short and of one length.
 *
 * @example batchNameOf({ project: 'shop', environment: 'production', source: 'server', instance: 'web-7', id: '3f9a' })
 */
export function batchNameOf({ project, environment, source, instance, id }: BatchOrigin): string {
  const words = JSON.stringify([project, environment, source, instance, id]);
  return createHash('sha256').update(words).digest('base64url').slice(0, NAME_CHARACTERS);
}
