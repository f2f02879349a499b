import { Hono } from 'hono';
import type { Registry } from 'prom-client';
import type { HttpEnv } from './http-env.ts';
import { answerProblem } from './problem.ts';

/** What the routes for operators look at. */
export interface Operations {
  /** What keeps what the server would answer from being complete and moving, as a sentence; `undefined`: nothing. */
  readonly lacks: () => string | undefined;
  /** How long ago the database last answered, in milliseconds. */
  readonly databaseAgeMs: () => number;
  /** How many kills are held in this server, and not in the database. */
  readonly heldKills: () => number;
  /** Of how many environments SDKs know revisions that the database lacks. Left out: nobody can tell. */
  readonly readersAhead?: () => number;
  /** What `/readyz` tells beside that while it is ready. Default: nothing. */
  readonly standing?: () => Readonly<Record<string, string>>;
  /** Left out: there is no `/metrics`. */
  readonly metrics?: Registry;
}

/** `/livez`: the process answers. `/readyz`: send requests here. `/metrics`: Prometheus. */
export function operationsRoutes(operations: Operations): Hono<HttpEnv> {
  const { lacks, databaseAgeMs, heldKills, readersAhead, standing, metrics } = operations;
  const routes = new Hono<HttpEnv>();
  routes.get('/livez', (c) => c.json({ status: 'live' }));
  routes.get('/readyz', (c) => {
    const detail = lacks();
    if (detail !== undefined) return answerProblem(c, { code: 'UNAVAILABLE', detail });
    const ages = { databaseAgeMs: databaseAgeMs(), heldKills: heldKills() };
    const behind = readersAhead?.() ?? 0;
    const loss = behind === 0 ? {} : { environmentsBehindReaders: behind };
    return c.json({ status: 'ready', ...standing?.(), ...ages, ...loss });
  });
  if (metrics !== undefined) {
    routes.get('/metrics', async (c) =>
      c.text(await metrics.metrics(), 200, { 'content-type': metrics.contentType }),
    );
  }
  return routes;
}
