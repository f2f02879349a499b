// What every benchmark does with a server: it is started as a process of its own on a file of its own, asked, and ended.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const ADMIN_KEY = `dim_adm_${'a'.repeat(32)}`;
export const SERVER_KEY = `dim_srv_${'s'.repeat(32)}`;
export const CLIENT_KEY = `dim_cli_${'c'.repeat(32)}`;
/** The settings by which a server knows these keys. */
export const KEY_SETTINGS = {
  DIMMER_BOOTSTRAP_ADMIN_KEY: ADMIN_KEY,
  DIMMER_BOOTSTRAP_SERVER_KEY: SERVER_KEY,
  DIMMER_BOOTSTRAP_CLIENT_KEY: CLIENT_KEY,
};
const COMMAND = fileURLToPath(new URL('../../server/bin/dimmer.js', import.meta.url));

/** A file for a database, in a folder that vanishes with this process. */
export function databaseFile() {
  const directory = mkdtempSync(join(tmpdir(), 'dimmer-bench-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'dimmer.db');
}

/**
 * Starts `dimmer serve`, and waits until it listens.
 *
 * @param port - Default: one that is free.
 * @param settings - `DIMMER_*` beside those of every benchmark.
 * @param openFilesMax - The process's limit of open files. Default: this process's.
 * @param command - What Node runs. Default: the server of this build.
 * @param stderr - Where its log goes. Default: this process's.
 */
export async function startServer(
  file,
  port = 0,
  { settings = {}, openFilesMax, command = COMMAND, stderr = 'inherit' } = {},
) {
  const limited = openFilesMax === undefined ? [] : ['prlimit', `--nofile=${openFilesMax}`];
  const [program, ...words] = [...limited, process.execPath, command, 'serve'];
  const child = spawn(program, words, {
    env: {
      ...process.env,
      DIMMER_PORT: String(port),
      DIMMER_DATABASE_URL: `file:${file}`,
      DIMMER_LOG_LEVEL: 'warn',
      ...KEY_SETTINGS,
      ...settings,
    },
    stdio: ['ignore', 'pipe', stderr],
  });
  const exit = once(child, 'exit').then(([code]) => ({ code, at: Date.now() }));
  for await (const line of createInterface({ input: child.stdout })) {
    const listening = /http:\/\/[\w.]+:(\d+)/.exec(line);
    if (listening === null) continue;
    child.stdout.resume();
    return { child, exit, port: Number(listening[1]) };
  }
  throw new Error('the server did not start');
}

/** Waits until the server says that it is ready. */
export async function untilReady(server) {
  while (!(await rest(server, 'GET', '/readyz').catch(() => undefined))?.ok) await pause(5);
}

/** Ends a server as an operator does. @throws Where it does not end well. */
export async function stopServer({ child, exit }) {
  child.kill('SIGTERM');
  const { code } = await exit;
  if (code !== 0) throw new Error(`the server ended with ${code}`);
}

/** @returns The answer, whatever it is. */
export function rest({ port }, method, path, body) {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

/** @returns What the answer holds. @throws Where it is a refusal. */
export async function ask(server, method, path, body) {
  const answer = await rest(server, method, path, body);
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
