// What the benchmarks of drain and restart share: readers as processes, a writer, and arithmetic.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { rest, SERVER_KEY } from '../server.mjs';

const READERS = 3;
/** Streams opened in 10 ms by one process of readers. */
const OPENING_PACE = 3;
const CONFIGURATION = '/api/v1/projects/default/environments/production/flags/checkout-v2';
export async function createFlag(server) {
  await rest(server, 'POST', '/api/v1/projects/default/flags', { key: 'checkout-v2', type: 'boolean' });
}

export async function revisionOf(server) {
  return (await (await rest(server, 'GET', '/api/v1/projects/default/environments/production')).json())
    .revision;
}

/** Changes the flag, `perSecond` times a second, until it is stopped. @returns What was acknowledged and what was not. */
export function startWriter(server, perSecond) {
  const result = { acknowledged: 0, failed: 0 };
  const underWay = new Set();
  let turn = 0;
  const write = async () => {
    turn += 1;
    const answer = await rest(server, 'PATCH', CONFIGURATION, {
      targets: [{ variation: 'on', values: [`user-${turn}`] }],
    });
    if (!answer.ok) throw new Error(`${answer.status}`);
    result.acknowledged += 1;
  };
  const timer = setInterval(() => {
    const writing = write()
      .catch(() => {
        result.failed += 1;
      })
      .finally(() => underWay.delete(writing));
    underWay.add(writing);
  }, 1000 / perSecond);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
      return result;
    },
  };
}

/** Streams in processes of their own. */
export function startReaders() {
  const path = fileURLToPath(new URL('readers.mjs', import.meta.url));
  const children = Array.from({ length: READERS }, () => fork(path));
  const tell = (message) => children.forEach((child) => void child.send(message));
  const report = async () => {
    const answers = children.map((child) => once(child, 'message'));
    tell({ type: 'report' });
    return (await Promise.all(answers)).flatMap(([{ readers }]) => readers);
  };
  return {
    open: (port, streams) => {
      const share = Math.ceil(streams / READERS);
      for (const [index, child] of children.entries()) {
        const count = Math.min(share, streams - index * share);
        const from = `127.0.0.${index + 2}`;
        child.send({ type: 'open', port, key: SERVER_KEY, count, from, pace: OPENING_PACE });
      }
    },
    turnTo: (port) => tell({ type: 'target', port }),
    forget: () => tell({ type: 'forget' }),
    /** Waits until `holds` says yes to every stream. @returns Their reports; the last ones where time is up. */
    until: async (streams, holds, limitMs) => {
      const end = Date.now() + limitMs;
      for (;;) {
        const readers = await report();
        if (readers.length === streams && readers.every(holds)) return readers;
        if (Date.now() > end) return readers;
        await pause(500);
      }
    },
    close: () => tell({ type: 'close' }),
  };
}

export function quantile(figures, share) {
  const sorted = figures.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The greatest number of times that fall into one tenth of a second. */
export function peakPerTenth(times) {
  const tenths = new Map();
  for (const at of times) {
    const tenth = Math.floor(at / 100);
    tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
  }
  return Math.max(0, ...tenths.values());
}

export function verdict(name, figure, holds) {
  console.log(`${name.padEnd(36)}${figure}${holds ? '' : '   DOES NOT HOLD'}`);
  if (!holds) process.exitCode = 1;
}
