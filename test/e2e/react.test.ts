import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Dimmer } from '@dimmer/node';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { PageProps } from '../../sdk-browser/src/react/page.fixture.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { CHROMIUM, launch, openSite, type Site } from './browser.ts';
import type { ReactPage } from './react-page.ts';
import { buildReactPage, REACTS } from './react-page.ts';

const CLIENT_KEY = `dim_cli_${'Client'.repeat(6)}`;
const SERVER_KEY = `dim_srv_${'Server'.repeat(6)}`;
const PROJECT = '/api/v1/projects/default';
const THEMES = Array.from({ length: 40 }, (_, index) => `theme-${index}`);
const CONTEXT = { targetingKey: 'ada' };

let directory: string;
let server: ServerProcess;
let site: Site;
let browser: Browser;
let flags: Dimmer;
let page: Page;
let problems: string[];
let themes = 0;

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  directory = await mkdtemp(join(tmpdir(), 'dimmer-react-'));
  server = await createServerProcess(join(directory, 'dimmer.db'), {
    DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT_KEY,
    DIMMER_BOOTSTRAP_SERVER_KEY: SERVER_KEY,
  });
  await server.start();
  site = await openSite(server.url, CLIENT_KEY);
  browser = await launch();
  const variations = Object.fromEntries(THEMES.map((theme) => [theme, { value: theme }]));
  await send('POST', '/flags', { key: 'theme', type: 'string', variations, exposeToClients: true });
  await send('POST', '/flags', { key: 'other', type: 'boolean', exposeToClients: true });
  await send('PATCH', '/environments/production/flags/theme', { enabled: true });
  flags = new Dimmer({ url: server.url, key: SERVER_KEY, cache: false });
  await change();
});

afterEach(() => page?.context().close());

afterAll(async () => {
  await flags?.close();
  await browser?.close();
  await site?.close();
  await server?.end('SIGTERM');
  if (directory) await rm(directory, { recursive: true });
});

describe.skipIf(CHROMIUM === undefined).each([18, 19] as const)('a page with React %i', (version) => {
  let react: ReactPage;
  beforeAll(async () => {
    react = await buildReactPage(REACTS[version]);
  });

  test.each([{ strict: true }, { strict: false }, { ownClient: true }, { suspense: true, strict: true }])(
    '[B71, B72] takes over what was rendered, and follows (%o)',
    async (props) => {
      const rendered = await change();
      await visit(props);
      expect(await page.evaluate('page.version')).toMatch(new RegExp(`^${version}\\.`));
      await page.waitForFunction(`page.status?.state === 'LIVE'`);
      expect(await page.evaluate('texts')).toEqual([rendered]);
      expect(await page.evaluate('page.shown')).toEqual([rendered]);
      const before = await renders();
      const next = await change();
      await shows(next);
      expect(await page.evaluate('texts')).toEqual([rendered, next]);
      const after = await renders();
      expect(after.other).toBe(before.other);
      expect(after.theme - before.theme).toBe(props.strict ? 2 : 1);
      expect(await page.textContent('#detail')).toBe(`${next} FALLTHROUGH`);
      expect(problems).toEqual([]);
    },
  );

  test('[B71] what the browser has kept goes before an older bootstrap, without a warning', async () => {
    const bootstrap = flags.clientBootstrap(CONTEXT);
    const newer = await change();
    await visit({});
    await shows(newer);
    await page.evaluate(`dispatchEvent(new Event('pagehide'))`);
    await show({ options: { ...options(), bootstrap } });
    await shows(newer);
    expect(problems).toEqual([]);
  });

  test('[B71] what the browser has kept is in the first paint of a page that no server rendered', async () => {
    const theme = await change();
    await visit({});
    await shows(theme);
    await page.evaluate(`dispatchEvent(new Event('pagehide'))`);
    await page.route('**/flags/**', (route) => route.abort());
    await show({ options: options() }, false);
    await shows(theme);
    expect(await page.evaluate('texts')).toEqual([theme]);
  });

  test('[B70] one stream is open where effects run twice, and none after the provider is gone', async () => {
    await visit({ strict: true });
    await page.waitForFunction(`page.status?.state === 'LIVE'`);
    await expect.poll(() => site.streams.size).toBe(1);
    await page.evaluate('page.setShown(false)');
    await expect.poll(() => site.streams.size).toBe(0);
    expect(await page.evaluate('page.flags.status().state')).toBe('CLOSED');
    await page.evaluate('page.setShown(true)');
    await page.waitForFunction(`page.flags.status().state === 'LIVE'`);
    expect(problems).toEqual([]);
  });

  test.each([false, true])(
    '[B73] waits for values instead of showing fallbacks (strict: %s)',
    async (strict) => {
      const theme = await change();
      let release = (): void => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      await open();
      await page.route('**/client/v1/**', async (route) => {
        await held;
        await route.continue();
      });
      await show({ options: options(), suspense: true, strict }, false);
      await page.waitForSelector('#waiting');
      release();
      await shows(theme);
      expect(await page.evaluate('texts')).toEqual([theme]);
      expect(await page.evaluate('page.shown')).toEqual([theme]);
      expect(problems).toEqual([]);
    },
  );

  test('[B74] another context keeps the client, and the values until the next are here', async () => {
    const theme = await change();
    const [forBob = ''] = THEMES.filter((other) => other !== theme);
    await send('PATCH', '/environments/production/flags/theme', {
      targets: [{ variation: forBob, by: 'targetingKey', values: ['bob'] }],
    });
    await visit({});
    await page.waitForFunction(`page.status?.state === 'LIVE'`);
    await page.evaluate('globalThis.before = page.flags');
    await page.evaluate(`page.setContext({ targetingKey: 'bob' })`);
    await shows(forBob);
    expect(await page.evaluate('before === page.flags')).toBe(true);
    expect(await page.evaluate('texts')).toEqual([theme, forBob]);
    await send('PATCH', '/environments/production/flags/theme', { targets: [] });
  });

  test('[B76] what is shown is counted once for each component and value', async () => {
    await visit({});
    await page.waitForFunction(`page.status?.state === 'LIVE'`);
    const next = await change();
    await shows(next);
    const reported = page.waitForRequest((request) => request.url().endsWith('/client/v1/report'));
    await page.evaluate(`dispatchEvent(new Event('pagehide'))`);
    const { exposures } = (await reported).postDataJSON().batch;
    const counts = exposures.map(({ flag, count }: { flag: string; count: number }) => [flag, count]);
    expect(counts.filter(([flag]: [string]) => flag === 'other')).toEqual([['other', 1]]);
    expect(counts.filter(([flag]: [string]) => flag === 'theme').length).toBe(2);
  });

  /** Opens a page that was rendered with the values of this moment. */
  async function visit(props: Partial<PageProps>): Promise<void> {
    await open();
    await show({ ...props, options: { ...options(), bootstrap: flags.clientBootstrap(CONTEXT) } });
  }

  async function open(): Promise<void> {
    page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(60_000);
    problems = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
    });
  }

  async function show(props: PageProps, isRendered = true): Promise<void> {
    const body = react.document(props, isRendered);
    await page.route(`${site.url}/page`, (route) => route.fulfill({ contentType: 'text/html', body }));
    await page.goto(`${site.url}/page`);
  }
});

function options(): PageProps['options'] {
  return { url: '/flags', key: CLIENT_KEY, context: CONTEXT, shareTabs: false };
}

async function renders(): Promise<{ readonly theme: number; readonly other: number }> {
  return page.evaluate('({ ...page.renders })');
}

/** Serves another theme to everybody, and waits until the Node SDK has it. */
async function change(): Promise<string> {
  themes += 1;
  const theme = THEMES[themes % THEMES.length] ?? '';
  const { revision } = await send('PATCH', '/environments/production/flags/theme', {
    fallthrough: { variation: theme },
  });
  expect(await flags.waitForRevision(revision, { timeoutMs: 40_000 })).toBe(true);
  return theme;
}

async function shows(theme: string): Promise<void> {
  const text = `document.getElementById('theme')?.textContent === ${JSON.stringify(theme)}`;
  await page.waitForFunction(text, undefined, { timeout: 40_000, polling: 'raf' });
}

async function send(method: string, path: string, body: unknown): Promise<{ readonly revision: number }> {
  const response = await fetch(`${server.url}${PROJECT}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { readonly revision: number };
}
