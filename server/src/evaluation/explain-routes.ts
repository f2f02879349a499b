import type { Explanation } from '@dimmer/evaluator';
import { explain } from '@dimmer/evaluator';
import { LIMITS } from '@dimmer/schema';
import { ExplainInput, ExplainView } from '@dimmer/schema/rest';
import { environmentNotFound } from '../changes/rejections.ts';
import type { Result } from '../changes/result.ts';
import { accepted, rejected } from '../changes/result.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { configuredFlagOf } from '../flags/find-flag.ts';
import { answerView } from '../http/answer.ts';
import { answerProblem } from '../http/problem.ts';
import { readProject } from '../rest/read-project.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';

const explaining = restRoute({
  method: 'post',
  path: '/api/v1/projects/{project}/environments/{environment}/flags/{flag}/explain',
  tag: 'Evaluation',
  summary: 'What a flag serves to a context, with every step taken. Nothing is counted or kept.',
  body: ExplainInput,
  answer: [200, ExplainView],
  problems: ['CONFIGURATION_NOT_FOUND', 'FLAG_ARCHIVED', 'LIMIT_EXCEEDED'],
});

/** Explanations of evaluations, by the rules that SDKs follow. */
export function explainRoutes({ storage }: RestServices, delivery: Pick<Delivery, 'ruleset'>): RestRoutes {
  const routes = restRoutes();
  routes.openapi(explaining, async (c) => {
    const { project, environment, flag } = c.req.valid('param');
    const { context } = c.req.valid('json');
    const bounded = boundedContext(context);
    if (!bounded.ok) return answerProblem(c, bounded.rejection);
    const state = await readProject(storage, project);
    const found = state.ok ? configuredFlagOf(state.value, environment, flag) : state;
    if (!found.ok) return answerProblem(c, found.rejection);
    const at = await delivery.ruleset({ project, environment }, found.value.environment.revision);
    if (at === undefined) return answerProblem(c, environmentNotFound(environment, project));
    const view = explainView(explain(at.ruleset, flag, context));
    return answerView(c, accepted({ flag, environment, revision: at.revision, ...view }));
  });
  return routes;
}

function explainView({ evaluation, steps }: Explanation): Pick<ExplainView, 'evaluation' | 'steps'> {
  const { value, variation, reason, ruleId, errorCode, revision } = evaluation;
  return { evaluation: { value, variation, reason, ruleId, errorCode, revision }, steps: [...steps] };
}

function boundedContext(context: object): Result<void> {
  const size = Buffer.byteLength(JSON.stringify(context));
  if (size <= LIMITS.contextBytes) return accepted(undefined);
  const limit = { name: 'contextBytes', current: size, maximum: LIMITS.contextBytes };
  return rejected({ code: 'LIMIT_EXCEEDED', detail: `The context has ${size} bytes as JSON.`, limit });
}
