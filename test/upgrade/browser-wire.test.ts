import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, launch, openSite, type Site } from '../e2e/browser.ts';
import { createServerProcess, type ServerProcess } from '../faults/server-process.ts';
import { type Build, CURRENT, RECORDED } from './builds.ts';
import { type LaterServer, startLaterServer } from './later-server.ts';
import { kill, openShop, serve } from './shop.ts';

const CLIENT_KEY = `dim_cli_${'Client'.repeat(6)}`;
const SETTINGS = { DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT_KEY, DIMMER_HEARTBEAT_MS: '1000' };

const withPages = RECORDED.filter(({ browserSdk }) => browserSdk !== undefined);
const pairs = [
  ...withPages.map((build) => ({ title: `[U2] a page of ${build.name}`, server: CURRENT, sdk: build })),
  ...withPages.map((build) => ({
    title: `[U2] a page of this build and the server of ${build.name}`,
    server: build,
    sdk: CURRENT,
  })),
  ...[CURRENT, ...withPages].map((build) => ({
    title: `[U3] a page of ${build.name} and a later server`,
    server: CURRENT,
    sdk: build,
    isLater: true,
  })),
];

let browser: Browser;
let directory: string;
let server: ServerProcess | undefined;
let later: LaterServer | undefined;
let site: Site | undefined;

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  browser = await launch();
  directory = await mkdtemp(join(tmpdir(), 'dimmer-pages-'));
});

afterEach(async () => {
  await site?.close();
  await later?.close();
  await server?.end('SIGTERM');
});

afterAll(async () => {
  await browser?.close();
  if (directory) await rm(directory, { recursive: true });
});

describe.skipIf(CHROMIUM === undefined)('in Chromium', () => {
  test.each(pairs)(
    '$title',
    async ({ server: serverBuild, sdk, isLater }: Pair) => {
      server = await createServerProcess(join(await mkdtemp(join(directory, 'db-')), 'dimmer.db'), SETTINGS);
      await server.start(serverBuild.command);
      await openShop(server);
      later = isLater ? await startLaterServer(server.url) : undefined;
      site = await openSite(later?.url ?? server.url, CLIENT_KEY, sdk.browserSdk);
      const page = await browser.newPage();
      // The longest delay of an SDK between two attempts is 30 s.
      page.setDefaultTimeout(60_000);
      await page.goto(site.url);
      await shows(page, 'dark');
      await kill(server, 'theme');
      await shows(page, 'light');
      expect(await page.evaluate(`flags.detail('theme', 'plain').reason`)).toBe('KILLED');
      // What it shows is what this server says, over a connection that was lost.
      later?.reset();
      const revision = await serve(server, 'simple', 'off');
      await page.waitForFunction(`flags.status().revision >= ${revision}`);
      expect(await page.evaluate(`flags.boolean('simple', true)`)).toBe(false);
      await page.close();
    },
    120_000,
  );
});

interface Pair {
  readonly server: Build;
  readonly sdk: Build;
  readonly isLater?: boolean;
}

async function shows(page: Page, theme: string): Promise<void> {
  await page.waitForFunction(`document.getElementById('theme').textContent === '${theme}'`);
}
