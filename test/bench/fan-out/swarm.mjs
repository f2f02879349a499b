// Servers and receivers as processes of their own, and the times between them.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const RECEIVERS = 3;
const SETTLE_MS = 3_000;
const PAUSE_MS = 300;

/**
 * @param env - What servers are set to.
 */
export function createSwarm(env) {
  const children = [];
  const start = (file) => {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, { execArgv: ['--expose-gc'], env: { ...process.env, ...env } });
    children.push(child);
    child.on('exit', (code) => {
      if (code !== 0) throw new Error(`${file} ended with ${code}`);
    });
    return child;
  };
  const receivers = Array.from({ length: RECEIVERS }, () => start('receivers.mjs'));

  return {
    startServer: async (file) => {
      const child = start(file);
      const { port } = await answer(child, 'listening');
      return { child, port };
    },

    /**
     * @param request - Where it holds `%INDEX%`, each stream has a number of its own there, of seven digits.
     * @returns How much memory each stream added, in KB.
     */
    openAll: async (group, { child, port }, streams, request) => {
      const before = await ask(child, { type: 'memory' });
      const share = Math.ceil(streams / RECEIVERS);
      await Promise.all(
        receivers.map((receiver, index) => {
          const first = index * share;
          const count = Math.min(share, streams - first);
          const from = `127.0.0.${index + 2}`;
          return ask(receiver, { type: 'open', group, port, request, first, count, from }, 'opened');
        }),
      );
      await pause(SETTLE_MS);
      const after = await ask(child, { type: 'memory' });
      return (after.rss - before.rss) / 1024 / streams;
    },

    /** @returns For every stream, the milliseconds until it had the revision. */
    measure: async (group, { child }, revision, send) => {
      await Promise.all(
        receivers.map((receiver) => ask(receiver, { type: 'expect', group, revision }, 'expecting')),
      );
      await pause(PAUSE_MS);
      const arrivals = receivers.map((receiver) => answer(receiver, 'received'));
      const sent = answer(child, 'sent');
      await send();
      const { startedAt } = await sent;
      const received = (await Promise.all(arrivals)).flatMap((part) => part.arrivals);
      return received.map((at) => (at - startedAt) / 1e6);
    },

    close: () => {
      for (const child of children) child.send({ type: 'close' });
    },
  };
}

/** Says whether a figure keeps its bar, and lets the run fail where it does not. */
export function verdict(name, figure, maximum) {
  const holds = figure <= maximum;
  console.log(`${name}: ${figure.toFixed(2)} (at most ${maximum}) ${holds ? 'holds' : 'DOES NOT HOLD'}`);
  if (!holds) process.exitCode = 1;
}

export function quantile(times, share) {
  const sorted = times.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export function median(figures) {
  return quantile(figures, 0.5);
}

function ask(child, message, answerType = message.type) {
  const answered = answer(child, answerType);
  child.send(message);
  return answered;
}

function answer(child, type) {
  return new Promise((resolve) => {
    const listen = (message) => {
      if (message.type !== type) return;
      child.off('message', listen);
      resolve(message);
    };
    child.on('message', listen);
  });
}

function pause(durationMs) {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
