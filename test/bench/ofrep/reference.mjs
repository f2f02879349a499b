import { createRequire } from 'node:module';

/**
 * The reference: the same web framework behind the same adapter, which parses the same body and answers the same
 * JSON, and does nothing else. It prints its port.
 */
const require = createRequire(new URL('../../../server/package.json', import.meta.url));
const { serve } = await import(require.resolve('@hono/node-server'));
const { Hono } = await import(require.resolve('hono'));

const app = new Hono().post('/ofrep/v1/evaluate/flags/:key', async (c) => {
  const { context } = await c.req.json();
  const value = context.plan === 'pro';
  return c.json({ key: c.req.param('key'), value, variant: 'on', reason: 'TARGETING_MATCH' });
});
serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log(port));
