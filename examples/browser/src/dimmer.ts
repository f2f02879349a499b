import { randomBytes } from 'node:crypto';
import { createLog, MemoryStorage, parseSettings, startServer, systemClock } from '@dimmer/server';

const PROJECT = '/api/v1/projects/default';
const FLAG = 'checkout-v2';

/** A Dimmer server that forgets everything, with one flag for pages. */
export interface ExampleDimmer {
  readonly url: string;
  /** For pages. The admin key stays in this process. */
  readonly clientKey: string;
  /** Shows the new checkout to a share of the users. */
  rollOut(percent: number): Promise<void>;
  close(): Promise<void>;
}

/** @param origin - Of the page, which asks from another port. */
export async function startDimmer(origin: string): Promise<ExampleDimmer> {
  const secret = (prefix: string): string => prefix + randomBytes(20).toString('hex');
  const [adminKey, clientKey] = [secret('dim_adm_'), secret('dim_cli_')];
  const parsed = parseSettings({
    DIMMER_PORT: '0',
    DIMMER_BOOTSTRAP_ADMIN_KEY: adminKey,
    DIMMER_BOOTSTRAP_CLIENT_KEY: clientKey,
    DIMMER_CORS_ORIGINS: origin,
    // The page asks for 100 users at once.
    DIMMER_CLIENT_REQUESTS_PER_SECOND: '1000',
    DIMMER_DRAIN_ACCEPT_MS: '0',
    DIMMER_DRAIN_SPREAD_MS: '0',
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const server = await startServer({
    settings: parsed.settings,
    storage: new MemoryStorage({ clock: systemClock }),
    log: createLog('warn', process.stderr),
    version: 'example',
    clock: systemClock,
  });

  async function send(method: string, path: string, body: object): Promise<void> {
    const response = await fetch(server.url + PROJECT + path, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  }

  async function rollOut(percent: number): Promise<void> {
    const rollout = { weights: { on: percent, off: 100 - percent } };
    await send('PATCH', `/environments/production/flags/${FLAG}`, {
      enabled: true,
      fallthrough: { rollout },
    });
  }

  await send('POST', '/flags', { key: FLAG, exposeToClients: true });
  await rollOut(25);
  return { url: server.url, clientKey, rollOut, close: () => server.close() };
}
