import type { Delivery } from '../delivery/delivery.ts';
import { hasExpired } from './authenticate.ts';
import type { KeyDirectory } from './key-directory.ts';

/**
 * Ends the streams whose key was deleted or has expired (SPEC.md, A17). A request is judged when it comes;
 * a stream outlives that by hours, so it is judged again whenever this is called.
 *
 * @param now - Milliseconds since the Unix epoch.
 * @throws StorageFault where nobody can say which keys there are: then every stream stays.
 */
export async function endRevokedStreams(
  directory: Pick<KeyDirectory, 'all'>,
  delivery: Pick<Delivery, 'revoke'>,
  now: number,
): Promise<void> {
  const opening = new Set<string>();
  for (const key of await directory.all()) if (!hasExpired(key, now)) opening.add(key.id);
  delivery.revoke((keyId) => opening.has(keyId));
}
