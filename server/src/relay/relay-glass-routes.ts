import { KilledManyView, LiftedView } from '@dimmer/schema/rest';
import { identifyBy, requireAdminKey } from '../access/guard.ts';
import { singleKey } from '../access/key-directory.ts';
import { hashOf } from '../access/secret.ts';
import type { AskedKill, BreakGlass } from '../break-glass/break-glass.ts';
import { KILL_MANY, KILL_ONE, RESTORE_ONE } from '../break-glass/kill-requests.ts';
import type { Fault } from '../changes/fault.ts';
import { unlessFaulty } from '../changes/fault.ts';
import type { Result } from '../changes/result.ts';
import { answerWrite } from '../http/answer.ts';
import type { Clock } from '../platform/clock.ts';
import { actorOf } from '../rest/rest-env.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { TransactOutcome } from '../storage/storage.ts';
import type { UpstreamKills } from './upstream-kills.ts';

const killing = restRoute({
  ...KILL_ONE,
  summary: 'Kills one flag, here where the upstream is away.',
  answer: [200, KilledManyView],
});

const killingMany = restRoute({
  ...KILL_MANY,
  summary: 'Kills many flags, here where the upstream is away.',
  answer: [200, KilledManyView],
});

const restoring = restRoute({
  ...RESTORE_ONE,
  summary: 'Lifts a kill that is held here.',
  answer: [200, LiftedView],
});

export interface RelayGlassParts {
  /** The secret of the one key that they open to. */
  readonly secret: string;
  readonly breakGlass: BreakGlass;
  readonly upstream: UpstreamKills;
  readonly host: string;
  readonly clock: Clock;
}

/** What may be written at a relay: kills that the upstream cannot take now, and their end. What is added to them takes the same key. */
export function relayGlassRoutes(parts: RelayGlassParts): RestRoutes {
  const { secret, breakGlass, upstream, host, clock } = parts;
  const keys = singleKey({
    id: 'break-glass',
    kind: 'admin',
    name: `break glass at ${host}`,
    hint: secret.slice(0, 12),
    hash: hashOf(secret),
    role: 'editor',
    project: null,
    environment: null,
    createdAt: new Date(clock.now()).toISOString(),
    expiresAt: null,
  });
  const routes = restRoutes();
  routes.use('/api/v1/*', requireAdminKey(identifyBy(keys, clock)));
  const kill = async (asked: AskedKill): Promise<Result<TransactOutcome>> => {
    const insisted = glassOnly(asked.breakGlass);
    return insisted.ok ? breakGlass.kill(asked, () => upstream.kill(asked)) : insisted;
  };
  return routes
    .openapi(killing, async (c) => {
      const { flag, ...environment } = c.req.valid('param');
      const asked = { ...c.req.valid('json'), environment, flags: [flag], actor: actorOf(c.get('key')) };
      return answerWrite(c, await kill(asked));
    })
    .openapi(killingMany, async (c) => {
      const { flags, ...input } = c.req.valid('json');
      const asked = { ...input, environment: c.req.valid('param'), flags, actor: actorOf(c.get('key')) };
      return answerWrite(c, await kill(asked));
    })
    .openapi(restoring, async (c) => {
      const { flag, ...environment } = c.req.valid('param');
      const insisted = glassOnly(c.req.valid('json').breakGlass);
      return answerWrite(c, insisted.ok ? await breakGlass.lift(environment, flag) : insisted);
    });
}

function glassOnly(breakGlass: boolean | undefined): Result<void> {
  return unlessFaulty(breakGlass === true ? [] : [notAtRelay], () => undefined);
}

const notAtRelay: Fault = {
  path: '$.breakGlass',
  rule: 'relay-break-glass',
  message: 'must be true at a relay, where nothing is administered',
  remedy: 'Send it to the upstream, or break the glass.',
};
