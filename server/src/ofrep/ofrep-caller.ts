import assert from 'node:assert/strict';
import type { Context } from 'hono';
import type { ApiKey } from '../access/api-key.ts';
import type { Identify } from '../access/guard.ts';
import { environmentOf } from '../access/guard.ts';
import { minRevisionOf } from '../delivery/min-revision.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { ClientContext } from '../evaluation/client-context.ts';
import type { ClientLimits } from '../evaluation/client-limits.ts';
import type { SecureMode } from '../evaluation/secure-mode.ts';
import type { HttpEnv } from '../http/http-env.ts';
import type { OfrepFault } from './ofrep-fault.ts';
import { accessFault, minRevisionFault, rateFault } from './ofrep-fault.ts';
import { readAsked } from './ofrep-request.ts';
import type { Audience } from './visible-flags.ts';

/** What decides whether somebody is answered. */
export interface CallerPorts {
  readonly identify: Identify;
  readonly secureMode: SecureMode;
  /** Of client keys. Server keys ask as often as they like. */
  readonly limits: ClientLimits;
}

/** Who asks, and what they see. */
export interface Caller {
  readonly key: ApiKey;
  readonly environment: EnvironmentRef;
  readonly audience: Audience;
}

/** Somebody who may ask, and the context that they ask for. */
export interface Question extends Caller {
  readonly asked: ClientContext;
  /** The answer may not be older than that. */
  readonly minRevision: number;
}

/** The header in which a client key proves its context where the environment is in secure mode. */
const HASH_HEADER = 'dimmer-context-hash';

/** Reads a request, as far as its caller may ask it. */
export async function readQuestion(
  c: Context<HttpEnv>,
  { identify, limits, secureMode }: CallerPorts,
): Promise<Question | { readonly fault: OfrepFault }> {
  const found = await identify(credentialsOf(c), ['server', 'client']);
  if (!found.ok) return { fault: accessFault(found.rejection) };
  const caller = callerWith(found.value);
  const isClient = caller.audience === 'client';
  const seconds = isClient ? secondsToWait(c, limits, caller.key.id) : 0;
  if (seconds > 0) return { fault: rateFault(seconds) };
  const read = await readAsked(c.req.raw);
  if ('fault' in read) return read;
  const minRevision = minRevisionOf(c);
  if (!minRevision.ok) return { fault: minRevisionFault(minRevision.rejection) };
  const question = { ...caller, ...read, minRevision: minRevision.value };
  if (!isClient) return question;
  const proof = await secureMode.check(caller.environment, read.asked, c.req.header(HASH_HEADER));
  return proof.ok ? question : { fault: accessFault(proof.rejection) };
}

/** What a key that opens an environment stands for. */
export function callerWith(key: ApiKey): Caller {
  assert(key.kind !== 'admin', `the admin key ${key.id} opens no environment`);
  return { key, environment: environmentOf(key), audience: key.kind };
}

function credentialsOf(c: Context<HttpEnv>): string | undefined {
  const apiKey = c.req.header('x-api-key');
  return c.req.header('authorization') ?? (apiKey === undefined ? undefined : `Bearer ${apiKey}`);
}

/** @returns 0: go on. */
function secondsToWait(c: Context<HttpEnv>, limits: ClientLimits, keyId: string): number {
  const address = limits.addressOf(c);
  limits.countAddress(address);
  const ofAddress = limits.byAddress.take(address);
  if (ofAddress > 0) limits.metrics.limited('address');
  const ofKey = ofAddress > 0 ? 0 : limits.byKey.take(keyId);
  if (ofKey > 0) limits.metrics.limited('key');
  return Math.max(ofAddress, ofKey);
}
