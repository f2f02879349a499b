import { Dimmer } from '@dimmer/node';
import { createLog, MemoryStorage, parseSettings, startServer } from '@dimmer/server';
import { createSite } from './site.tsx';

const PORT = Number(process.env['PORT'] ?? 3000);
const FLAGS = '/api/v1/projects/default/flags';
const FLAG = '/api/v1/projects/default/environments/production/flags';
/** Known to everybody who reads this: for an example on this machine only. */
const KEYS = {
  admin: `dim_adm_${'Example0'.repeat(4)}`,
  server: `dim_srv_${'Example0'.repeat(4)}`,
  client: `dim_cli_${'Example0'.repeat(4)}`,
};

const settings = parseSettings({
  DIMMER_PORT: '0',
  DIMMER_BOOTSTRAP_ADMIN_KEY: KEYS.admin,
  DIMMER_BOOTSTRAP_SERVER_KEY: KEYS.server,
  DIMMER_BOOTSTRAP_CLIENT_KEY: KEYS.client,
  DIMMER_CORS_ORIGINS: `http://127.0.0.1:${PORT},http://localhost:${PORT}`,
});
if (!settings.ok) throw new Error(JSON.stringify(settings.faults));
const clock = { now: () => Date.now() };
const server = await startServer({
  settings: settings.settings,
  storage: new MemoryStorage({ clock }),
  log: createLog('warn', process.stderr),
  version: 'example',
  clock,
});

await send('POST', FLAGS, { key: 'checkout-v2', exposeToClients: true });
const variations = { light: { value: 'light' }, dark: { value: 'dark' } };
await send('POST', FLAGS, { key: 'theme', type: 'string', variations, exposeToClients: true });
await send('PATCH', `${FLAG}/theme`, { enabled: true, fallthrough: { variation: 'dark' } });
const rollout = { weights: { on: 50, off: 50 } };
const { revision } = await send('PATCH', `${FLAG}/checkout-v2`, { enabled: true, fallthrough: { rollout } });

const flags = new Dimmer({ url: server.url, key: KEYS.server, cache: false });
await flags.waitForRevision(revision);
const site = createSite({ flags, dimmer: { url: server.url, key: KEYS.client } });
site.listen(PORT, '127.0.0.1', () => {
  console.log(`The shop, rendered on the server: http://127.0.0.1:${PORT}/?user=ada
Half of all visitors get the new checkout. Give it to everybody, and watch the page:

curl -X PATCH ${server.url}${FLAG}/checkout-v2 -H 'authorization: Bearer ${KEYS.admin}' \\
  -H 'content-type: application/json' -d '{"fallthrough": {"variation": "on"}}'

Ctrl-C ends it.`);
});

process.once('SIGINT', () => void end());
process.once('SIGTERM', () => void end());

async function end(): Promise<void> {
  site.close();
  site.closeAllConnections();
  await flags.close();
  await server.close();
}

async function send(method: string, path: string, body: object): Promise<{ readonly revision: number }> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${KEYS.admin}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
  return (await response.json()) as { readonly revision: number };
}
