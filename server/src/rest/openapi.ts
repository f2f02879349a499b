import type { RestRoutes } from './rest-route.ts';

/**
 * The OpenAPI 3.1 document of the routes, from the schemas that check them.
 *
 * @param version - Of the server.
 */
export function openApiDocument(routes: RestRoutes, version: string): object {
  const { openAPIRegistry } = routes;
  openAPIRegistry.registerComponent('securitySchemes', 'adminKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'An admin key: `Authorization: Bearer dim_adm_…`.',
  });
  return routes.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Dimmer',
      version,
      description: DESCRIPTION,
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
    servers: [{ url: '/' }],
  });
}

const DESCRIPTION = [
  'Feature flags: projects, environments, flags, segments, history.',
  'Every successful write answers with `revision` and an `ETag`; `If-Match` is honoured on every route that has a version.',
  'A POST may carry an `Idempotency-Key`: a repetition within 24 hours gets the same answer.',
  'Errors are `application/problem+json` (RFC 9457) with a stable `code`.',
].join('\n\n');
