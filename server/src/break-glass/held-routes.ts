import { HeldKillInput, HeldKillsView, SettledView } from '@dimmer/schema/rest';
import { accepted } from '../changes/result.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { answerView } from '../http/answer.ts';
import { answerProblem } from '../http/problem.ts';
import type { Clock } from '../platform/clock.ts';
import { actorOf } from '../rest/rest-env.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { HeldKill, HeldKills } from './held-kills.ts';
import type { Settled, SettleHeld } from './settle-held.ts';

const path = '/api/v1/projects/{project}/environments/{environment}/held-kills';
const tag = 'Kills';

/** How often a kill that is handed in is decided, where the flag changes under it. */
const DECISIONS_MAX = 3;

const listing = restRoute({
  method: 'get',
  path,
  tag,
  summary: 'The kills that this server holds while the database is away. It asks no database.',
  answer: [200, HeldKillsView],
});

const handingIn = restRoute({
  method: 'post',
  path,
  tag,
  summary: 'Takes a kill that a relay has held, unless people or time have gone on since.',
  body: HeldKillInput,
  answer: [200, SettledView],
});

export interface HeldListParts {
  readonly held: HeldKills;
  readonly delivery: Pick<Delivery, 'streams'>;
  readonly host: string;
}

/** What this process holds. */
export function heldListRoutes({ held, delivery, host }: HeldListParts): RestRoutes {
  return restRoutes().openapi(listing, (c) => {
    const { project, environment } = c.req.valid('param');
    const ref = { project, environment };
    const items = held.of(ref).map(({ flag, kill }) => ({ flag, ...kill }));
    return answerView(c, accepted({ server: host, streams: delivery.streams(ref), items }));
  });
}

/** What this server holds, and what others have held. */
export function heldRoutes(
  parts: HeldListParts & { readonly settle: SettleHeld; readonly clock: Clock },
): RestRoutes {
  const { settle, clock } = parts;
  return heldListRoutes(parts).openapi(handingIn, async (c) => {
    const { project, environment } = c.req.valid('param');
    const { flag, reason, heldForMs, expiresAt } = c.req.valid('json');
    const actor = actorOf(c.get('key'));
    const kill = {
      reason,
      by: actor.name,
      at: new Date(clock.now() - heldForMs).toISOString(),
      ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
    };
    const given: HeldKill = { environment: { project, environment }, flag, kill, actor };
    for (let decided = 0; decided < DECISIONS_MAX; decided += 1) {
      const settled = await settle(given, (run) => run());
      if (settled !== undefined) {
        return answerView(c, accepted({ outcome: toldOutcome(settled), at: settled.at ?? null }));
      }
    }
    return answerProblem(c, { code: 'UNAVAILABLE', detail: `The flag "${flag}" changes all the time.` });
  });
}

/** Relays of earlier builds know no other word for what is over. */
function toldOutcome({ outcome }: Settled): SettledView['outcome'] {
  return outcome === 'too old' ? 'gone' : outcome;
}
