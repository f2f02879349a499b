import { ConfigurationInput, ConfigurationPatch, ConfigurationView } from '@dimmer/schema/rest';
import type { Result } from '../changes/result.ts';
import { andThen, mapResult } from '../changes/result.ts';
import type { ProjectState } from '../environments/environment.ts';
import { environmentOf } from '../environments/project-state.ts';
import { answerOne } from '../http/answer.ts';
import { readProject } from '../rest/read-project.ts';
import type { RestRoutes } from '../rest/rest-route.ts';
import { restRoute, restRoutes } from '../rest/rest-route.ts';
import type { RestServices } from '../rest/rest-services.ts';
import { write } from '../rest/write.ts';
import { patchConfiguration, putConfiguration } from './configuration-edits.ts';
import { configurationReply } from './configuration-reply.ts';
import { configurationView } from './configuration-views.ts';
import { configuredFlagOf, liveFlagOf } from './find-flag.ts';

const tag = 'Configurations';
const CONFIGURATION = '/api/v1/projects/{project}/environments/{environment}/flags/{flag}';

const reading = restRoute({
  method: 'get',
  path: CONFIGURATION,
  tag,
  summary: 'How a flag behaves in an environment.',
  answer: [200, ConfigurationView],
  conditional: 'allowed',
  problems: ['CONFIGURATION_NOT_FOUND', 'FLAG_ARCHIVED'],
});

const putting = restRoute({
  method: 'put',
  path: CONFIGURATION,
  tag,
  summary: 'Replaces a configuration. It must say which version it replaces.',
  body: ConfigurationInput,
  answer: [200, ConfigurationView],
  conditional: 'required',
  problems: ['FLAG_ARCHIVED', 'RULE_VIOLATED', 'LIMIT_EXCEEDED'],
});

const patching = restRoute({
  method: 'patch',
  path: CONFIGURATION,
  tag,
  summary: 'Replaces, whole, the top-level fields of a configuration that it names.',
  body: ConfigurationPatch,
  answer: [200, ConfigurationView],
  conditional: 'allowed',
  problems: ['CONFIGURATION_NOT_FOUND', 'FLAG_ARCHIVED', 'RULE_VIOLATED', 'LIMIT_EXCEEDED'],
});

/** Configurations: how flags behave in one environment. */
export function configurationRoutes(services: RestServices): RestRoutes {
  return restRoutes()
    .openapi(reading, async (c) => {
      const { project, environment, flag } = c.req.valid('param');
      const found = andThen(await readProject(services.storage, project), (state) =>
        configuredFlagOf(state, environment, flag),
      );
      return answerOne(
        c,
        mapResult(found, (configured) => ({
          view: configurationView(configured),
          version: configured.place.version,
        })),
      );
    })
    .openapi(putting, (c) => {
      const { project, environment, flag } = c.req.valid('param');
      const input = c.req.valid('json');
      return write(c, services, {
        project,
        action: 'configuration.put',
        subject: `flag/${flag}`,
        reason: input.reason,
        edit: putConfiguration(environment, flag, input),
        version: (state) => versionToReplace(state, environment, flag),
        replaces: true,
        reply: (outcome) => configurationReply(outcome, environment, flag),
      });
    })
    .openapi(patching, (c) => {
      const { project, environment, flag } = c.req.valid('param');
      const patch = c.req.valid('json');
      return write(c, services, {
        project,
        action: 'configuration.patch',
        subject: `flag/${flag}`,
        reason: patch.reason,
        edit: patchConfiguration(environment, flag, patch),
        version: (state) =>
          mapResult(configuredFlagOf(state, environment, flag), ({ place }) => place.version),
        reply: (outcome) => configurationReply(outcome, environment, flag),
      });
    });
}

function versionToReplace(state: ProjectState, environment: string, flag: string): Result<number | null> {
  return andThen(environmentOf(state, environment), ({ flags }) =>
    mapResult(liveFlagOf(state, flag), () => flags.get(flag)?.version ?? null),
  );
}
