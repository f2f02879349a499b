// What the overload benchmarks share: peers in processes of their own, and what a server says about itself.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { rest, SERVER_KEY } from '../server.mjs';

export const STREAM_REQUEST = requestOf('/sdk/v1/stream');
export const FLAG = '/api/v1/projects/default/environments/production/flags/checkout-v2';

/** @returns A GET as it is sent over a socket. */
export function requestOf(path) {
  return `GET ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${SERVER_KEY}\r\n\r\n`;
}

/** Starts a process of peers; its groups are opened from an address of their own. */
export function startPeers(address) {
  const child = fork(fileURLToPath(new URL('peers.mjs', import.meta.url)));
  const report = async (group, brief = false) => {
    child.send({ type: 'report', group, brief });
    for (;;) {
      const [message] = await once(child, 'message');
      if (message.type === 'report') return message.peers;
    }
  };
  return {
    open: (group, options) => child.send({ type: 'open', group, from: address, perTick: 5, ...options }),
    tell: (type, group) => child.send({ type, group }),
    report,
    /** Waits until `holds` says yes to the brief reports of a group. @returns The full ones, also where time was up. */
    until: async (group, holds, limitMs) => {
      const end = Date.now() + limitMs;
      for (;;) {
        if (holds(await report(group, true)) || Date.now() > end) return report(group);
        await pause(200);
      }
    },
    close: () => child.kill('SIGKILL'),
  };
}

/** Resident memory of a process as the system sees it, in MB. */
export function residentMb({ child }) {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

/** The sum of a metric over its labels. @param labels - `cause="stalled"`; all, where left out. */
export async function metric(server, name, labels = '') {
  const text = await (await rest(server, 'GET', '/metrics')).text();
  const lines = text.split('\n').filter((line) => line.startsWith(name) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Changes the flag. @param bytes - The size of the definition, about. @returns The revision. */
export async function changeFlag(server, turn, bytes) {
  const count = Math.max(1, Math.ceil(bytes / 500));
  const values = Array.from(
    { length: count },
    (_, index) => `${turn}-${index}-${'x'.repeat(Math.min(480, bytes))}`,
  );
  const answer = await rest(server, 'PATCH', FLAG, { targets: [{ variation: 'on', values }] });
  if (!answer.ok) throw new Error(`the flag cannot be changed: ${await answer.text()}`);
  return (await answer.json()).revision;
}

/** Milliseconds of the machine's monotonic clock, which peers use too. */
export function now() {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
