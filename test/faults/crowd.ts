import { connect, type Socket } from 'node:net';

/** Connections that take up room: streams that nobody reads, sockets that say nothing, requests a byte at a time. */
export type CrowdHabit = 'never reads' | 'never speaks' | 'drips';

export interface CrowdOptions {
  readonly port: number;
  readonly key: string;
  readonly sockets: number;
  readonly habit: CrowdHabit;
}

export interface Crowd {
  /** How many were given a stream. */
  readonly streams: number;
  disperse(): void;
}

const DRIP_EVERY_MS = 200;

/** Connects them all, and leaves them to their habit. */
export function startCrowd({ port, key, sockets, habit }: CrowdOptions): Crowd {
  let streams = 0;
  const request = `GET /sdk/v1/stream HTTP/1.1\r\nhost: crowd\r\nauthorization: Bearer ${key}\r\n\r\n`;
  const crowd = Array.from({ length: sockets }, () => {
    const socket = connect(port, '127.0.0.1');
    // A server may refuse any of them: that is its answer, and no fault of the run.
    socket.on('error', () => socket.destroy());
    if (habit === 'never reads') socket.write(request);
    // The beginning of an answer tells whether there is a stream not to read.
    socket.once('data', (beginning: Buffer) => {
      if (beginning.toString('latin1').startsWith('HTTP/1.1 200 ')) streams += 1;
      socket.pause();
    });
    if (habit === 'drips') dripInto(socket, request);
    return socket;
  });
  return {
    get streams() {
      return streams;
    },
    disperse() {
      for (const socket of crowd) socket.destroy();
    },
  };
}

function dripInto(socket: Socket, text: string): void {
  let sent = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || sent === text.length) return clearInterval(timer);
    socket.write(text.charAt(sent));
    sent += 1;
  }, DRIP_EVERY_MS);
  socket.on('close', () => clearInterval(timer));
}
