import { z } from 'zod';
import { Key, Timestamp } from './terms.ts';

const Sha256 = z.string().regex(/^[\da-f]{64}$/, 'must be a SHA-256, in lower-case hex');

/** One SDK key, as a relay needs it to let its SDKs in. */
const EnvironmentKey = z.object({
  id: z.string().min(1).max(100),
  /** A word of a later server opens nothing. */
  kind: z.string(),
  /** SHA-256 of the hex SHA-256 of the secret: it tells a key, and neither signs nor opens anything. */
  fingerprint: Sha256,
  /**
   * The hex SHA-256 of the secret, which signs contexts. Only of server keys, and only where the environment is in
   * secure mode: a relay could not check signatures otherwise.
   */
  signer: Sha256.optional(),
  expiresAt: Timestamp.nullable(),
});

/** The answer of `GET /sdk/v1/keys`: who may ask for the environment of the key that asks. */
export const EnvironmentKeys = z.object({
  project: Key,
  environment: Key,
  secureMode: z.boolean(),
  keys: z.array(EnvironmentKey),
});

export type EnvironmentKeys = z.infer<typeof EnvironmentKeys>;
