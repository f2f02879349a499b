import type { EnvironmentKeys } from '@dimmer/schema/rest';
import type { Context, MiddlewareHandler } from 'hono';
import { Hono } from 'hono';
import type { DeliveryEnv } from '../delivery/delivery-env.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import { etagOf, namesEtag } from '../http/etag.ts';
import type { ApiKey } from './api-key.ts';
import type { KeyDirectory } from './key-directory.ts';
import { hashOf } from './secret.ts';

export interface EnvironmentKeyPorts {
  readonly keys: Pick<KeyDirectory, 'all'>;
  readonly secureMode: { readonly isOn: (environment: EnvironmentRef) => Promise<boolean> };
}

/**
 * `GET /keys`, to be mounted at `/sdk/v1`: what a relay needs to let the SDKs of the environment in.
 *
 * @param authenticateServerKey - Refuses a request, or sets `environment`.
 */
export function environmentKeyRoutes(
  ports: EnvironmentKeyPorts,
  authenticateServerKey: MiddlewareHandler<DeliveryEnv>,
): Hono<DeliveryEnv> {
  return new Hono<DeliveryEnv>().get('/keys', authenticateServerKey, async (c) => {
    const environment = c.get('environment');
    const secureMode = await ports.secureMode.isOn(environment);
    return answerKeys(c, environmentKeys(environment, await ports.keys.all(), secureMode));
  });
}

/** Answers with the keys of an environment, or with 304 to who has them. */
export function answerKeys(c: Context<DeliveryEnv>, keys: EnvironmentKeys): Response {
  const body = JSON.stringify(keys);
  const etag = etagOf(hashOf(body).slice(0, 32));
  const headers = { etag, 'cache-control': 'private, no-cache' };
  const known = c.req.header('if-none-match');
  if (known !== undefined && namesEtag(known, etag, 'weak')) return c.body(null, 304, headers);
  return c.body(body, 200, { ...headers, 'content-type': 'application/json' });
}

/**
 * Who may ask for an environment. What is stored of a key signs contexts and stream addresses, so not even that is
 * given away, but its hash; except of server keys in secure mode, because signatures are checked with it.
 */
function environmentKeys(
  { project, environment }: EnvironmentRef,
  keys: Iterable<ApiKey>,
  secureMode: boolean,
): EnvironmentKeys {
  const here = [...keys].filter((key) => key.project === project && key.environment === environment);
  return {
    project,
    environment,
    secureMode,
    keys: here
      .filter(({ kind }) => kind !== 'admin')
      .map(({ id, kind, hash, expiresAt }) => ({
        id,
        kind,
        fingerprint: hashOf(hash),
        ...(secureMode && kind === 'server' && { signer: hash }),
        expiresAt,
      })),
  };
}
