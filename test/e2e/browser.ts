import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { chromium } from 'playwright-core';

const BUNDLES = fileURLToPath(new URL('../../sdk-browser/dist/', import.meta.url));
const PLACES = [
  process.env['DIMMER_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** Chromium of this machine; `undefined` where there is none. In CI that is an error, not a reason to skip. */
export const CHROMIUM: string | undefined = findChromium();

function findChromium(): string | undefined {
  const found = PLACES.find((path) => path !== undefined && existsSync(path));
  if (found !== undefined) return found;
  const problem = 'no Chromium was found: install it, or name it in DIMMER_CHROMIUM';
  if (process.env['CI']) throw new Error(problem);
  console.warn(`Tests in a browser are skipped: ${problem}.`);
  return undefined;
}

/** @param backForwardCache - Whether pages are kept when they are left. */
export function launch({ backForwardCache = false } = {}): Promise<Browser> {
  return chromium.launch({
    ...(CHROMIUM !== undefined && { executablePath: CHROMIUM }),
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
    ...(backForwardCache && { ignoreDefaultArgs: ['--disable-back-forward-cache'] }),
  });
}

/** A site that shows a flag, and passes `/flags` on to Dimmer: then both are one origin. */
export interface Site {
  readonly url: string;
  /** Streams that are open through this site. */
  readonly streams: ReadonlySet<IncomingMessage>;
  readonly close: () => Promise<void>;
}

/**
 * @param dimmerUrl - Where `/flags` leads to.
 * @param key - The client key of the pages.
 * @param bundles - The folder with the SDK. Default: that of this build.
 */
export async function openSite(dimmerUrl: string, key: string, bundles = BUNDLES): Promise<Site> {
  const streams = new Set<IncomingMessage>();
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site');
    if (pathname.startsWith('/flags/')) pass(request, response, dimmerUrl, streams);
    else if (pathname === '/ping') response.end('pong');
    else if (pathname === '/') sendPage(response, key, searchParams);
    else sendFile(response, bundles, pathname);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    streams,
    close: () => closed(server),
  };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function pass(
  request: IncomingMessage,
  response: ServerResponse,
  dimmerUrl: string,
  streams: Set<IncomingMessage>,
): void {
  const path = (request.url ?? '').slice('/flags'.length);
  const { method = 'GET', headers } = request;
  const passed = forward(`${dimmerUrl}${path}`, { method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    response.flushHeaders();
    answer.on('error', () => response.destroy());
    answer.pipe(response);
    if (answer.headers['content-type']?.startsWith('text/event-stream')) streams.add(request);
  });
  passed.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  response.on('close', () => {
    streams.delete(request);
    passed.destroy();
  });
  request.pipe(passed);
}

/** The page prints the value of a flag, and says where it comes from. `?options=` are options of the SDK. */
function sendPage(response: ServerResponse, key: string, query: URLSearchParams): void {
  const options = query.get('options') ?? '{}';
  const isModule = query.has('module');
  response.setHeader('content-type', 'text/html');
  response.end(`<!doctype html><title>page</title><p id="theme">-</p>
${isModule ? '' : '<script src="/dimmer.global.js"></script>'}
<script type="module">
  ${isModule ? "import { Dimmer } from '/index.mjs';" : 'const { Dimmer } = globalThis;'}
  const options = { url: '/flags', key: ${JSON.stringify(key)}, context: { targetingKey: 'ada' }, ...${options} };
  const flags = new Dimmer(options);
  const paint = () => { document.getElementById('theme').textContent = flags.string('theme', 'plain'); };
  paint();
  globalThis.firstPaint = document.getElementById('theme').textContent;
  flags.onChange('theme', paint);
  globalThis.flags = flags;
  globalThis.addEventListener('pageshow', (event) => { globalThis.wasKept = event.persisted; });
</script>`);
}

function sendFile(response: ServerResponse, bundles: string, pathname: string): void {
  const path = `${bundles}${pathname.slice(1)}`;
  if (!/^\/[\w.-]+\.m?js$/.test(pathname) || !existsSync(path)) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader('content-type', 'text/javascript');
  response.end(readFileSync(path));
}
