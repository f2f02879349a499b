import assert from 'node:assert/strict';
import type { MiddlewareHandler } from 'hono';
import type { Result } from '../changes/result.ts';
import type { DeliveryEnv } from '../delivery/delivery-env.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import { answerProblem } from '../http/problem.ts';
import type { Clock } from '../platform/clock.ts';
import type { RestEnv } from '../rest/rest-env.ts';
import type { ApiKey } from './api-key.ts';
import type { KeyKind } from './authenticate.ts';
import { authenticate } from './authenticate.ts';
import type { Permission } from './authorize.ts';
import { authorize } from './authorize.ts';
import type { KeyDirectory } from './key-directory.ts';

/** Says whose request it is, or why that cannot be said. */
export type Identify = (
  authorization: string | undefined,
  kinds: readonly KeyKind[],
) => Promise<Result<ApiKey>>;

/** Identifies requests by the keys of a directory. */
export function identifyBy(directory: KeyDirectory, clock: Clock): Identify {
  return (authorization, kinds) => authenticate(authorization, kinds, directory, clock.now());
}

/** Lets admin keys in. */
export function requireAdminKey(identify: Identify): MiddlewareHandler<RestEnv> {
  return async (c, next) => {
    const key = await identify(c.req.header('authorization'), ['admin']);
    if (!key.ok) return answerProblem(c, key.rejection);
    c.set('key', key.value);
    return next();
  };
}

/** Lets keys of SDKs in, and says which key it is and which environment it opens. */
export function requireSdkKey(
  identify: Identify,
  kind: Exclude<KeyKind, 'admin'>,
): MiddlewareHandler<DeliveryEnv> {
  return async (c, next) => {
    const key = await identify(c.req.header('authorization'), [kind]);
    if (!key.ok) return answerProblem(c, key.rejection);
    c.set('environment', environmentOf(key.value));
    c.set('keyId', key.value.id);
    return next();
  };
}

/** The environment that an SDK's key opens. */
export function environmentOf({ id, project, environment }: ApiKey): EnvironmentRef {
  assert(project !== null && environment !== null, `the key ${id} opens no environment`);
  return { project, environment };
}

/** Lets keys in that have a permission in the project of the path. */
export function requirePermission(permission: Permission): MiddlewareHandler<RestEnv> {
  return async (c, next) => {
    const decision = authorize(c.get('key'), permission, c.req.param('project'));
    if (!decision.ok) return answerProblem(c, decision.rejection);
    return next();
  };
}
