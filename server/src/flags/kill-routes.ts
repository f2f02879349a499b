import { ConfigurationView, KilledManyView, KilledView } from '@dimmer/schema/rest';
import type { BreakGlass } from '../break-glass/break-glass.ts';
import { KILL_MANY, KILL_ONE, RESTORE_ONE } from '../break-glass/kill-requests.ts';
import { answerWrite } from '../http/answer.ts';
import type { ReceiptParts } from '../reports/with-receipt.ts';
import { withReceipt } from '../reports/with-receipt.ts';
import { commitReply } from '../rest/commit-reply.ts';
import { actorOf } from '../rest/rest-env.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import { commitWrite } from '../rest/write.ts';
import { configurationReply } from './configuration-reply.ts';
import { killFlag, killFlags, restoreFlag } from './kill-edits.ts';

const killing = restRoute({
  ...KILL_ONE,
  summary: 'The emergency off of one flag: unconditional, and the same however often it is sent.',
  answer: [200, KilledView],
  problems: ['CONFIGURATION_NOT_FOUND', 'FLAG_ARCHIVED', 'RULE_VIOLATED', 'LIMIT_EXCEEDED'],
});

const restoring = restRoute({
  ...RESTORE_ONE,
  summary: 'Lifts the kill of a flag.',
  answer: [200, ConfigurationView],
  problems: ['CONFIGURATION_NOT_FOUND', 'FLAG_ARCHIVED'],
});

const killingMany = restRoute({
  ...KILL_MANY,
  summary: 'Kills many flags in one revision: those named, those with a tag, or both.',
  answer: [200, KilledManyView],
  problems: ['FLAG_NOT_FOUND', 'CONFIGURATION_NOT_FOUND', 'FLAG_ARCHIVED', 'RULE_VIOLATED', 'LIMIT_EXCEEDED'],
});

/** Kills and restores. */
export function killRoutes(
  services: RestServices,
  receipts: ReceiptParts,
  breakGlass: BreakGlass,
): RestRoutes {
  return restRoutes()
    .openapi(killing, async (c) => {
      const { project, environment, flag } = c.req.valid('param');
      const input = c.req.valid('json');
      const ref = { project, environment };
      const asked = { ...input, environment: ref, flags: [flag], actor: actorOf(c.get('key')) };
      const outcome = await breakGlass.kill(asked, () =>
        commitWrite(c, services, {
          project,
          action: 'flag.kill',
          subject: `flag/${flag}`,
          reason: input.reason,
          edit: killFlag(environment, flag, input),
          reply: (made) => configurationReply(made, environment, flag),
        }),
      );
      return answerWrite(c, await withReceipt(outcome, receipts, ref, c.req.valid('query').wait));
    })
    .openapi(restoring, async (c) => {
      const { project, environment, flag } = c.req.valid('param');
      const { reason, breakGlass: isHeldOnly = false } = c.req.valid('json');
      const ref = { project, environment };
      if (isHeldOnly) return answerWrite(c, await breakGlass.lift(ref, flag));
      const outcome = await commitWrite(c, services, {
        project,
        action: 'flag.restore',
        subject: `flag/${flag}`,
        reason,
        edit: restoreFlag(environment, flag),
        reply: (made) => configurationReply(made, environment, flag),
      });
      if (outcome.ok) breakGlass.restored(ref, flag);
      return answerWrite(c, outcome);
    })
    .openapi(killingMany, async (c) => {
      const { project, environment } = c.req.valid('param');
      const input = c.req.valid('json');
      const ref = { project, environment };
      const asked = { ...input, environment: ref, flags: input.flags, actor: actorOf(c.get('key')) };
      const outcome = await breakGlass.kill(asked, () =>
        commitWrite(c, services, {
          project,
          action: 'flag.kill',
          subject: `environment/${environment}`,
          reason: input.reason,
          edit: killFlags(environment, input),
          reply: (made) => commitReply(made, environment),
        }),
      );
      return answerWrite(c, await withReceipt(outcome, receipts, ref, c.req.valid('query').wait));
    });
}
