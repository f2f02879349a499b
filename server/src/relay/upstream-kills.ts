import type { HeldKillInput } from '@dimmer/schema/rest';
import { Json, ProblemView, SettledView } from '@dimmer/schema/rest';
import type { z } from 'zod';
import type { AskedKill } from '../break-glass/break-glass.ts';
import type { HeldKill } from '../break-glass/held-kills.ts';
import type { SettleHeld } from '../break-glass/settle-held.ts';
import type { Rejection, Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { EnvironmentRef } from '../environments/environment.ts';
import type { Clock } from '../platform/clock.ts';
import type { TransactOutcome } from '../storage/storage.ts';
import { StorageFault } from '../storage/storage.ts';
import { faultOf } from './upstream.ts';

/** A question is given up after this time, in milliseconds. */
const TIMEOUT_MS = 5_000;

/** What a relay may do at its upstream with the key that breaks the glass. */
export interface UpstreamKills {
  /**
   * Kills there. The actor stays here: there it is the key that breaks the glass.
   *
   * @returns What the upstream has committed, or why it refuses.
   * @throws StorageFault where it does not answer, or has nowhere to commit it: then it is to be held here.
   */
  kill(asked: AskedKill): Promise<Result<TransactOutcome>>;
  /** Hands in what was held. */
  readonly settle: SettleHeld;
}

/** @example upstreamKills({ url, key: 'dim_adm_…', fetch, clock }).settle */
export function upstreamKills(upstream: {
  readonly url: URL;
  /** An admin key of the upstream. */
  readonly key: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
}): UpstreamKills {
  const post = async (path: string, body: object): Promise<Response> => {
    try {
      return await upstream.fetch(new URL(path, upstream.url), {
        method: 'POST',
        headers: { authorization: `Bearer ${upstream.key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (cause) {
      throw new StorageFault('unavailable', `The upstream does not answer: ${faultOf(cause)}`, { cause });
    }
  };
  return {
    kill: async ({ environment, actor: _, ...input }) => {
      const response = await post(`${pathOf(environment)}/kill`, input);
      // Held by a server that has no database: SDKs of the relay would wait until that has come here.
      if (response.status === 202 || response.status >= 500) throw awayAt(response);
      const body: unknown = await response.json().catch(() => undefined);
      const [answer, problem] = [Json.safeParse(body), ProblemView.safeParse(body)];
      if (!response.ok && problem.success) return rejected(rejectionOf(problem.data));
      // Something between the two has answered: nobody knows, and in doubt a kill is held.
      if (!response.ok || !answer.success) throw awayAt(response);
      const reply = { status: response.status, etag: response.headers.get('etag'), body: answer.data };
      return accepted({ reply, replayed: false });
    },
    settle: async (held, committing) => {
      const path = `${pathOf(held.environment)}/held-kills`;
      const response = await committing(() => post(path, handedIn(held, upstream.clock.now())));
      if (!response.ok) throw awayAt(response);
      const { outcome, at } = SettledView.parse(await response.json());
      return { outcome, at: at ?? undefined };
    },
  };
}

function pathOf({ project, environment }: EnvironmentRef): string {
  return `api/v1/projects/${encodeURIComponent(project)}/environments/${encodeURIComponent(environment)}`;
}

function handedIn({ flag, kill: { reason, at, expiresAt } }: HeldKill, now: number): HeldKillInput {
  const heldForMs = Math.max(0, Math.round(now - Date.parse(at)));
  return { flag, reason, heldForMs, ...(expiresAt !== undefined && { expiresAt }) };
}

function awayAt(response: Response): StorageFault {
  response.body?.cancel().catch(() => undefined);
  return new StorageFault('unavailable', `The upstream answered ${response.status}.`);
}

/** A problem of the upstream, as the relay passes it on. */
function rejectionOf({ code, detail, remedy, issues, limit }: z.infer<typeof ProblemView>): Rejection {
  return {
    code,
    detail,
    ...(remedy !== undefined && { remedy }),
    ...(issues !== undefined && { issues }),
    ...(limit !== undefined && { limit }),
  };
}
