import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../faults/server-process.ts';
import { CHROMIUM, launch } from './browser.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What an example needs on a machine that does much else: it is compiled and bundled before it starts. */
const TEST_MS = 180_000;

/** An example, started by the command in its README. */
interface Example {
  /** What it has printed. */
  readonly output: () => string;
  /** Waits until it has printed something. @throws where it ends before. */
  readonly printed: (pattern: RegExp) => Promise<readonly string[]>;
  /** Its exit code, once it has ended by itself. */
  readonly ended: Promise<number | null>;
  /** Ctrl-C. */
  readonly stop: () => Promise<void>;
}

let running: Example | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

test('the checkout example tells its story: nobody flips on the way up, and nobody is left behind a kill', {
  timeout: TEST_MS,
}, async () => {
  running = startExample('checkout', { CUSTOMERS: '300' });
  expect(await running.ended, running.output()).toBe(0);
  expect(running.output()).toMatch(/100 % +300 \(100\.0 %\)/);
  expect(running.output()).toContain('customers on the new checkout now: 0; flipped back on the way up: 0');
});

describe.skipIf(CHROMIUM === undefined)('in Chromium', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  test('the browser example lights its users as the slider moves', { timeout: TEST_MS }, async () => {
    running = startExample('browser', { PORT: '0' });
    const [, url = ''] = await running.printed(/page: (\S+)/);
    const page = await open(url);
    const slideTo = (percent: number): Promise<unknown> =>
      page.evaluate(`{
        const slider = document.getElementById('percent');
        slider.value = '${percent}';
        for (const name of ['input', 'change']) slider.dispatchEvent(new Event(name, { bubbles: true }));
      }`);
    await page.waitForFunction(`document.getElementById('status').textContent.startsWith('LIVE')`);
    await slideTo(100);
    await page.waitForFunction(`document.getElementById('count').textContent === '100 of 100 users have it'`);
    await shows(page, 'one-page checkout');
    await slideTo(0);
    await page.waitForFunction(`document.querySelectorAll('#grid i.on').length === 0`);
    await shows(page, 'classic checkout');
  });

  test('the React example sends what the page keeps, and the page follows', {
    timeout: TEST_MS,
  }, async () => {
    running = startExample('react-ssr', { PORT: String(await freePort()) });
    const [, url = ''] = await running.printed(/(http:\/\/127\.0\.0\.1:\d+\/)\?user=ada/);
    const [, change = '', key = ''] = await running.printed(/-X PATCH (\S+) -H 'authorization: (.*?)'/);
    const visitor = await visitorWithout(url);
    const page = await open(`${url}?user=${visitor}`);
    await page.waitForFunction(`document.getElementById('state').textContent === 'LIVE'`);
    await shows(page, 'Step 1 of 5: your cart');
    const changed = await fetch(change, {
      method: 'PATCH',
      headers: { authorization: key, 'content-type': 'application/json' },
      body: '{"fallthrough": {"variation": "on"}}',
    });
    expect(changed.status).toBe(200);
    await shows(page, 'Everything on one page');
  });

  async function open(url: string): Promise<Page> {
    const page = await browser.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(url);
    return page;
  }
});

async function shows(page: Page, text: string): Promise<void> {
  await page.waitForFunction(`document.getElementById('checkout').textContent === ${JSON.stringify(text)}`);
}

/** Half of all visitors get the new checkout: one of the others, as the server renders it for them. */
async function visitorWithout(url: string): Promise<string> {
  for (let index = 0; index < 100; index += 1) {
    const html = await (await fetch(`${url}?user=visitor-${index}`)).text();
    if (html.includes('<h1 id="checkout">Step 1 of 5: your cart</h1>')) return `visitor-${index}`;
  }
  throw new Error('a hundred visitors all get the new checkout');
}

function startExample(name: string, environment: Readonly<Record<string, string>>): Example {
  // npm and the scripts below it are one group, which gets the signal together, as from a terminal.
  const child = spawn('npm', ['run', '--silent', `example:${name}`], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const ended = once(child, 'close').then(([code]: (number | null)[]) => code ?? null);
  return {
    output: () => output,
    ended,
    async printed(pattern) {
      for (;;) {
        const match = pattern.exec(output);
        if (match !== null) return match;
        if (isOver(child)) throw new Error(`the example ended with ${child.exitCode}:\n${output}`);
        await Promise.race([once(child.stdout, 'data'), ended]);
      }
    },
    async stop() {
      if (!isOver(child) && child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
      await ended;
    },
  };
}

function isOver({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
