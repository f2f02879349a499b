import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../../test/faults/server-process.ts';

const run = promisify(execFile);

/** HAProxy in front of the servers. */
export interface Balancer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Whether the machine has HAProxy. */
export async function hasBalancer(): Promise<boolean> {
  return run('haproxy', ['-v']).then(
    () => true,
    () => false,
  );
}

/** @param folder - Where its configuration is written. */
export async function startBalancer(folder: string, ports: readonly number[]): Promise<Balancer> {
  const port = await freePort();
  const [configuration, away] = [join(folder, 'haproxy.cfg'), join(folder, 'away.http')];
  await writeFile(away, AWAY);
  await writeFile(configuration, configurationOf(port, ports, away));
  await run('haproxy', ['-c', '-f', configuration]);
  const process = spawn('haproxy', ['-db', '-f', configuration], { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url, process);
  return {
    url,
    stop: async () => {
      const ended = once(process, 'exit');
      process.kill('SIGTERM');
      await ended;
    },
  };
}

/**
 * What a client gets instead of 502 and 504: a server died under its request, which may or may not have been carried
 * out. With an `Idempotency-Key` it is safe to ask again.
 */
const AWAY = [
  'HTTP/1.1 503 Service Unavailable',
  'cache-control: no-store',
  'connection: close',
  'content-type: application/problem+json',
  'retry-after: 1',
  '',
  '{"type":"about:blank","title":"Unavailable","status":503,"code":"UNAVAILABLE"}',
].join('\r\n');

/**
 * The settings that docs/running.md explains, for three servers. A connection that is refused is tried at another server;
 * a request that a server took is never sent twice.
 */
function configurationOf(port: number, ports: readonly number[], away: string): string {
  const servers = ports.map((server, index) => `    server s${index + 1} 127.0.0.1:${server}`);
  return [
    'defaults',
    '    mode http',
    '    timeout connect 1s',
    '    timeout client 120s',
    '    timeout server 120s',
    '    timeout http-request 10s',
    '    timeout check 2s',
    '    retries 5',
    '    option redispatch 1',
    '    retry-on conn-failure',
    ...[502, 503, 504].map((status) => `    errorfile ${status} ${away}`),
    'frontend flags',
    `    bind 127.0.0.1:${port}`,
    '    default_backend dimmer',
    'backend dimmer',
    '    balance roundrobin',
    '    option httpchk',
    '    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host dimmer',
    '    default-server check inter 500ms fall 2 rise 1',
    ...servers,
    '',
  ].join('\n');
}

async function untilReady(url: string, { exitCode }: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 500 && exitCode === null; attempt += 1) {
    const ready = await fetch(`${url}/readyz`).catch(() => undefined);
    await ready?.body?.cancel();
    if (ready?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('HAProxy found no server that is ready');
}
