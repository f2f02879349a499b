import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTracing } from '@dimmer/server';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const WAIT = { timeout: 60_000, interval: 100 };

let folder: string;
let collector: Server;
const received: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dimmer-traces-'));
  collector = createServer((asked, answer) => {
    let body = '';
    asked.on('data', (part) => {
      body += String(part);
    });
    asked.on('end', () => {
      received.push(body);
      answer.setHeader('content-type', 'application/json').end('{}');
    });
  });
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
});
afterEach(async () => {
  collector.close();
  await rm(folder, { recursive: true });
});

test('[P14] the shipped server sends its traces once the file of deploy/opentelemetry is loaded before it', async () => {
  // The file finds its packages beside it, as after `npm install` in its folder.
  await copyFile(at('deploy/opentelemetry/instrument.mjs'), join(folder, 'instrument.mjs'));
  await symlink(at('test/node_modules'), join(folder, 'node_modules'));
  const { port } = collector.address() as AddressInfo;
  const server = spawn(
    process.execPath,
    ['--import', join(folder, 'instrument.mjs'), at('server/bin/dimmer.js'), 'serve', '--port', '0'],
    {
      env: {
        ...process.env,
        DIMMER_DATABASE_URL: `file:${folder}/dimmer.db`,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_SERVICE_NAME: 'flags-of-the-shop',
        OTEL_BSP_SCHEDULE_DELAY: '100',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    let printed = '';
    server.stdout.on('data', (part) => {
      printed += String(part);
    });
    const url = await vi.waitFor(() => {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(printed)?.[0];
      expect(found).toBeDefined();
      return found ?? '';
    }, WAIT);
    await fetch(`${url}/openapi.json`, { headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` } });
    await vi.waitFor(() => expect(received.join()).toContain('GET /openapi.json'), WAIT);
    expect(received.join()).toContain(TRACE);
    expect(received.join()).toContain('flags-of-the-shop');
  } finally {
    server.kill('SIGINT');
    await once(server, 'exit');
  }
});

test('[P13] without an SDK there are no traces', () => {
  expect(createTracing('0.0.0').isOn).toBe(false);
});

test('[P14] the file asks for the versions that are tested here, and for the API of the server', async () => {
  const dependenciesOf = async (path: string, field: 'dependencies' | 'devDependencies') => {
    const manifest = JSON.parse(await readFile(at(path), 'utf8')) as Record<string, Record<string, string>>;
    return manifest[field] ?? {};
  };
  const asked = await dependenciesOf('deploy/opentelemetry/package.json', 'dependencies');
  expect(Object.keys(asked)).toHaveLength(4);
  expect(await dependenciesOf('test/package.json', 'devDependencies')).toMatchObject(asked);
  const server = await dependenciesOf('server/package.json', 'dependencies');
  expect(asked['@opentelemetry/api']).toBe(server['@opentelemetry/api']);
});
