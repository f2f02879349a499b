import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createFlag, verdict } from '../drain/rig.mjs';
import { databaseFile, SERVER_KEY, startServer } from '../server.mjs';
import { changeFlag, now } from './rig.mjs';

const FIRST_FRAME_MS_MAX = 100;
const CHANGE_WITHIN_MS = 10_000;
/** As it is: heartbeats of 15 s, nginx's idle limit of 60 s, ten minutes. Without DIMMER_BENCH_LONG all scaled. */
const TIMES = process.env.DIMMER_BENCH_LONG
  ? { heartbeatMs: 15_000, idleSeconds: 60, forMs: 600_000 }
  : { heartbeatMs: 1_000, idleSeconds: 4, forMs: 20_000 };

/** nginx in between with buffering and compression on, as somebody leaves it who never heard of streams. */
export async function middlebox() {
  if (spawnSync('nginx', ['-v']).error !== undefined)
    return console.log('nginx is not installed: not measured');
  const file = databaseFile();
  const server = await startServer(file, 0, { settings: { DIMMER_HEARTBEAT_MS: String(TIMES.heartbeatMs) } });
  await createFlag(server);
  const port = await freePort();
  const proxy = startNginx(join(dirname(file), 'nginx'), port, server.port);
  await pause(1_000);

  const askedAt = now();
  const stream = await openStream(port);
  const firstMs = (await stream.firstAt) - askedAt;
  const revision = await changeFlag(server, 'through', 1_000);
  const changedAt = now();
  const hasChange = () => stream.text().includes(`event: commit\ndata: {"revision":${revision},`);
  while (!hasChange() && now() - changedAt < CHANGE_WITHIN_MS) await pause(1);
  const changeMs = now() - changedAt;
  await pause(TIMES.forMs);
  const beats = stream.text().split('event: heartbeat\n').length - 1;
  const expected = Math.floor(TIMES.forMs / TIMES.heartbeatMs) - 1;
  const { headers } = stream;
  console.log(
    `through nginx: buffering and gzip on, idle limit ${TIMES.idleSeconds} s, ${TIMES.forMs / 1000} s`,
  );
  verdict('first frame after', `${firstMs.toFixed(0)} ms`, firstMs <= FIRST_FRAME_MS_MAX);
  verdict('a change after its answer', `${changeMs.toFixed(0)} ms`, hasChange());
  verdict('cache-control', headers['cache-control'], headers['cache-control'].includes('no-store'));
  verdict('compression', headers['content-encoding'] ?? 'none', headers['content-encoding'] === undefined);
  verdict('heartbeats', `${beats} of ${expected} or more`, beats >= expected);
  verdict('cut', stream.isOpen() ? 'no' : 'yes', stream.isOpen());
  proxy.kill('SIGKILL');
  server.child.kill('SIGKILL');
}

function startNginx(directory, port, target) {
  mkdirSync(directory);
  const configuration = join(directory, 'nginx.conf');
  writeFileSync(
    configuration,
    `daemon off; master_process off; pid ${directory}/pid; error_log ${directory}/error.log;
events {}
http {
  access_log off; gzip on; proxy_buffering on; proxy_read_timeout ${TIMES.idleSeconds}s;
  proxy_temp_path ${directory}; client_body_temp_path ${directory}; fastcgi_temp_path ${directory};
  uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${target}; proxy_http_version 1.1; } }
}
`,
  );
  return spawn('nginx', ['-c', configuration], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function openStream(port) {
  const headers = { authorization: `Bearer ${SERVER_KEY}`, 'accept-encoding': 'gzip' };
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path: '/sdk/v1/stream', headers });
    sent.on('error', reject).end();
    sent.on('response', (response) => {
      let text = '';
      let isOpen = true;
      const firstAt = new Promise((first) => response.once('data', () => first(now())));
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', () => {});
      response.on('close', () => {
        isOpen = false;
      });
      resolve({ headers: response.headers, firstAt, text: () => text, isOpen: () => isOpen });
    });
  });
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
