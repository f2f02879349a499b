import type { EnvironmentView } from '@dimmer/schema/rest';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { receiptLines } from './receipt-lines.ts';
import { awaitReceipt } from './receipt-wait.ts';
import { environmentPath } from './rest-client.ts';
import type { Session } from './session.ts';
import { answer } from './session.ts';

/** What `dimmer receipt` was asked. */
export interface ReceiptInput {
  /** Left out: where the environment is now. */
  readonly revision?: number | undefined;
  /** How long to wait for it to be complete, in milliseconds; left out: it is shown as it is. */
  readonly waitMs?: number | undefined;
}

/** Shows who has applied a revision; {@link EXIT.incomplete} where somebody has not. */
export async function receipt(session: Session, { revision, waitMs = 0 }: ReceiptInput): Promise<ExitCode> {
  const shown = await awaitReceipt(session, revision ?? (await headRevision(session)), waitMs);
  answer(session, shown, () => receiptLines(shown, session.terminal.paint));
  return shown.complete ? EXIT.done : EXIT.incomplete;
}

/** The revision at which the environment is. */
export async function headRevision({ api, settings }: Pick<Session, 'api' | 'settings'>): Promise<number> {
  return (await api.get<EnvironmentView>(environmentPath(settings))).revision;
}
