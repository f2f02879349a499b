import type { JsonValue } from '@dimmer/schema';
import type { ReceiptView } from '@dimmer/schema/rest';
import type { Result } from '../changes/result.ts';
import { accepted } from '../changes/result.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { TransactOutcome } from '../storage/storage.ts';
import type { HeldSubject, Receipts } from './receipts.ts';

/**
 * Adds the receipt so far to what a kill answers with. The kill is committed, or held, by then: what goes wrong with its
 * receipt leaves the answer as it is.
 *
 * @param waitMs - How long to wait for every instance, in milliseconds; left out: no receipt is asked for.
 */
export async function withReceipt(
  outcome: Result<TransactOutcome>,
  parts: ReceiptParts,
  environment: EnvironmentRef,
  waitMs: number | undefined,
): Promise<Result<TransactOutcome>> {
  if (!outcome.ok || waitMs === undefined) return outcome;
  const { body } = outcome.value.reply;
  const receipt = await receiptFor(body, environment, waitMs, parts);
  if (receipt === undefined) return outcome;
  // Both are JSON by construction; their types say it with interfaces, which JsonValue does not admit.
  const both = { ...(body as object), receipt } as unknown as JsonValue;
  return accepted({ ...outcome.value, reply: { ...outcome.value.reply, body: both } });
}

export interface ReceiptParts {
  readonly receipts: Pick<Receipts, 'within' | 'heldWithin'>;
  /** Where streams of an environment are shown to be. */
  readonly shownIn: (environment: EnvironmentRef) => ReturnType<HeldSubject['shown']> | undefined;
}

async function receiptFor(
  body: JsonValue,
  environment: EnvironmentRef,
  waitMs: number,
  { receipts, shownIn }: ReceiptParts,
): Promise<ReceiptView | undefined> {
  const heldAt = heldAtOf(body);
  if (heldAt !== undefined) {
    const shown = (): ReturnType<HeldSubject['shown']> => shownIn(environment) ?? NOWHERE;
    return receipts.heldWithin({ environment, shown, heldAt }, waitMs);
  }
  const revision = revisionOf(body);
  if (revision === undefined) return undefined;
  const receipt = await receipts.within(environment, revision, waitMs).catch(() => undefined);
  return receipt?.ok === true ? receipt.value : undefined;
}

/** An environment whose server has let go of it: nobody is known to be anywhere. */
const NOWHERE = { epoch: '', revision: 0 };

/** When it was held, in milliseconds since the Unix epoch; `undefined`: it is committed. */
function heldAtOf(body: JsonValue): number | undefined {
  if (typeof body !== 'object' || body === null || !('held' in body)) return undefined;
  return 'at' in body && typeof body['at'] === 'string' ? Date.parse(body['at']) : undefined;
}

/** A configuration says when it was killed, also when that was before; a commit of many, where it led. */
function revisionOf(body: JsonValue): number | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  if ('version' in body && typeof body['version'] === 'number') return body['version'];
  return 'revision' in body && typeof body['revision'] === 'number' ? body['revision'] : undefined;
}
