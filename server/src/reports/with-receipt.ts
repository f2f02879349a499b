import type { JsonValue } from '@dimmer/schema';
import type { Result } from '../changes/result.ts';
import { accepted } from '../changes/result.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { TransactOutcome } from '../storage/storage.ts';
import type { Receipts } from './receipts.ts';

/**
 * Adds the receipt so far to what a kill answers with. The kill is committed by then: what goes wrong with its
 * receipt leaves the answer as it is.
 *
 * @param waitMs - How long to wait for every instance, in milliseconds; left out: no receipt is asked for.
 */
export async function withReceipt(
  outcome: Result<TransactOutcome>,
  receipts: Pick<Receipts, 'within'>,
  environment: EnvironmentRef,
  waitMs: number | undefined,
): Promise<Result<TransactOutcome>> {
  if (!outcome.ok || waitMs === undefined) return outcome;
  const { body } = outcome.value.reply;
  const revision = revisionOf(body);
  if (revision === undefined) return outcome;
  const receipt = await receipts.within(environment, revision, waitMs).catch(() => undefined);
  if (receipt?.ok !== true) return outcome;
  // Both are JSON by construction; their types say it with interfaces, which JsonValue does not admit.
  const both = { ...(body as object), receipt: receipt.value } as unknown as JsonValue;
  return accepted({ ...outcome.value, reply: { ...outcome.value.reply, body: both } });
}

/** A configuration says when it was killed, also when that was before; a commit of many, where it led. */
function revisionOf(body: JsonValue): number | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  if ('version' in body && typeof body['version'] === 'number') return body['version'];
  return 'revision' in body && typeof body['revision'] === 'number' ? body['revision'] : undefined;
}
