import type { KeyView } from '@dimmer/schema/rest';
import type { ApiKey } from './api-key.ts';

/** A key as shown: everything but its hash. */
export function keyView({ hash: _, ...shown }: ApiKey): KeyView {
  return shown;
}
