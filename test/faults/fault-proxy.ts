import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { FrameEditor, type FrameEdits } from './frame-editor.ts';

/** What the proxy does to bytes. Nothing set: it passes them. */
export interface ProxyFaults extends FrameEdits {
  /** Every piece is late by this much, in milliseconds, and by up to `jitterMs` more; the order stays. */
  readonly delayMs?: number;
  readonly jitterMs?: number;
  /** In each direction of each connection. */
  readonly bytesPerSecond?: number;
  /** Half-open: bytes of this direction vanish, for good on a connection that has lost some. */
  readonly swallow?: 'up' | 'down' | 'both';
  /** Both sides are reset once so many bytes have come down a connection. */
  readonly cutAfterBytes?: number;
  /** Bytes per write. */
  readonly splitAt?: number;
  /** Bytes that are held back until there are so many, as a buffering middlebox does. */
  readonly bufferUntilBytes?: number;
  /** New connections get this status, and the server never hears of them. 200 is a stream that ends at once. */
  readonly answerStatus?: number;
}

/** A TCP proxy in front of one port that harms what passes. */
export interface FaultProxy {
  readonly url: string;
  /** Connections that were accepted, frames left out or repeated, and bytes swallowed, since the start. */
  readonly counts: { readonly connections: number; readonly edited: number; readonly swallowed: number };
  /** Takes the place of what was set before, for open connections too. `{}` passes. */
  set(faults: ProxyFaults): void;
  /** Resets every open connection on both sides. */
  reset(): void;
  close(): Promise<void>;
}

/** The least that a throttled connection sends at once, in bytes. */
const THROTTLED_PIECE_BYTES = 256;

/**
 * @param targetPort - A port on the loopback address.
 * @param random - From 0 to 1, for jitter.
 */
export async function startFaultProxy(targetPort: number, random: () => number): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  const counts = { connections: 0, edited: 0, swallowed: 0 };
  let faults: ProxyFaults = {};
  let edits: FrameEdits = {};

  const server = createServer((client) => {
    counts.connections += 1;
    if (faults.answerStatus !== undefined) {
      answer(client, faults.answerStatus);
      return;
    }
    const pair: Pair = { client, server: connect(targetPort, '127.0.0.1'), cameDown: 0 };
    pairs.add(pair);
    const settings = { faults: () => faults, edits: () => edits, onEdited, onSwallowed, random };
    void relayBoth(pair, settings).finally(() => pairs.delete(pair));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  /** Once per setting: every new connection counts from 1, and would lose its frame again. */
  function onEdited(): void {
    counts.edited += 1;
    edits = {};
  }

  function onSwallowed(bytes: number): void {
    counts.swallowed += bytes;
  }

  function reset(): void {
    for (const pair of pairs) destroy(pair);
  }

  return {
    url: `http://127.0.0.1:${port}`,
    counts,
    set(next) {
      faults = next;
      edits = next;
    },
    reset,
    async close() {
      reset();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  /** Bytes that went to the client. */
  cameDown: number;
}

interface Relaying {
  readonly faults: () => ProxyFaults;
  readonly edits: () => FrameEdits;
  readonly onEdited: () => void;
  readonly onSwallowed: (bytes: number) => void;
  readonly random: () => number;
}

async function relayBoth(pair: Pair, relaying: Relaying): Promise<void> {
  const lanes = [relay(pair, 'up', relaying), relay(pair, 'down', relaying)];
  await Promise.all(lanes.map((lane) => lane.catch(() => destroy(pair))));
}

/** One direction. What is read waits for what was read before: a slow side slows the other one down. */
async function relay(pair: Pair, direction: 'up' | 'down', relaying: Relaying): Promise<void> {
  const { faults, edits, onEdited, onSwallowed } = relaying;
  const [source, target] = direction === 'up' ? [pair.client, pair.server] : [pair.server, pair.client];
  source.setNoDelay(true);
  target.on('error', () => source.destroy());
  const editor = new FrameEditor(edits, onEdited);
  let held: Buffer = Buffer.alloc(0);
  let lost = false;

  for await (const chunk of source as AsyncIterable<Buffer>) {
    const { swallow, bufferUntilBytes = 0 } = faults();
    lost ||= swallow === 'both' || swallow === direction;
    if (lost) {
      onSwallowed(chunk.length);
      continue;
    }
    held = Buffer.concat([held, direction === 'down' ? editor.push(chunk) : chunk]);
    if (direction === 'down' && held.length < bufferUntilBytes) continue;
    await forward(pair, direction, held, relaying);
    held = Buffer.alloc(0);
  }
  // On a dead link the end does not arrive either.
  if (lost) return;
  if (!target.destroyed) target.end(held);
}

async function forward(
  pair: Pair,
  direction: 'up' | 'down',
  bytes: Buffer,
  { faults, random }: Relaying,
): Promise<void> {
  const { delayMs = 0, jitterMs = 0, bytesPerSecond, cutAfterBytes, splitAt } = faults();
  const target = direction === 'up' ? pair.server : pair.client;
  if (delayMs + jitterMs > 0) await sleep(delayMs + random() * jitterMs);
  const size = splitAt ?? (bytesPerSecond === undefined ? bytes.length : THROTTLED_PIECE_BYTES);
  for (let start = 0; start < bytes.length; start += size) {
    const isDown = direction === 'down';
    const leftBytes = isDown ? (cutAfterBytes ?? Infinity) - pair.cameDown : Infinity;
    const piece = bytes.subarray(start, Math.min(start + size, start + Math.max(0, leftBytes)));
    if (target.destroyed) return;
    if (isDown) pair.cameDown += piece.length;
    if (!target.write(piece)) await once(target, 'drain');
    if (isDown && pair.cameDown >= (cutAfterBytes ?? Infinity)) return destroy(pair);
    if (bytesPerSecond !== undefined) await sleep((piece.length / bytesPerSecond) * 1000);
    else if (splitAt !== undefined) await nextTurn();
  }
}

/** A middlebox that answers by itself, once it has seen a request. */
function answer(client: Socket, status: number): void {
  client.on('error', () => client.destroy());
  client.once('data', () => {
    const kind = status === 200 ? 'text/event-stream' : 'text/plain';
    client.end(`HTTP/1.1 ${status} -\r\ncontent-type: ${kind}\r\nconnection: close\r\n\r\n`);
  });
}

/** Resets, rather than ends: a peer that is gone says nothing polite. */
function destroy({ client, server }: Pair): void {
  for (const socket of [client, server]) {
    if (!socket.destroyed) socket.resetAndDestroy();
  }
}
