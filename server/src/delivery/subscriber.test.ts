import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { newStreamCounts } from './delivery-counts.ts';
import { ManualSchedule } from './manual-schedule.fixture.ts';
import type { StreamSource } from './subscriber.ts';
import { Subscriber } from './subscriber.ts';

const BUFFER_BYTES = 1_024;

test('[D10] what came while the last of a change set waited for the peer is sent once that was taken', async () => {
  const { subscriber, peer, source } = behindLargeHello();
  source.revision = 2;
  subscriber.advance();
  peer.takeAll();
  await expect.poll(() => peer.taken()).toContain('delta from 1');
});

test('[D10] a goodbye said while the last of a change set waited is sent once that was taken', async () => {
  const { subscriber, peer } = behindLargeHello();
  subscriber.leave('draining', 0);
  peer.takeAll();
  await expect.poll(() => peer.taken()).toMatch(/objects of 1.*event: goodbye/s);
});

/** A stream whose hello fills the socket, so that its objects wait: they are few, and fit once it was taken. */
function behindLargeHello() {
  const peer = slowPeer();
  const response = new ServerResponse(new IncomingMessage(peer.socket));
  response.assignSocket(peer.socket);
  // As the server of Node does for an answer whose socket it owns.
  peer.socket.on('drain', () => response.emit('drain'));
  const source: StreamSource & { revision: number } = {
    revision: 1,
    bytesSince: (revision) => Buffer.from(`delta from ${revision}\n\n`),
    heartbeat: () => Buffer.from('heartbeat\n\n'),
  };
  const subscriber = new Subscriber(response, source, newStreamCounts(), new ManualSchedule());
  const hello = Buffer.alloc(4 * BUFFER_BYTES, 'h');
  subscriber.begin({ hello, objects: Buffer.from('objects of 1\n\n'), revision: 1, headers: {} });
  return { subscriber, peer, source };
}

/** The other end of a socket, which takes nothing until it is told to take all. */
function slowPeer() {
  const taken: Buffer[] = [];
  let takes = false;
  let waiting: (() => void) | undefined;
  const socket = new Duplex({
    writableHighWaterMark: BUFFER_BYTES,
    read() {},
    write(chunk: Buffer, _encoding, done) {
      taken.push(chunk);
      if (takes) done();
      else waiting = done;
    },
  });
  return {
    // The part of a socket that an answer needs; the rest is optional to the code under test.
    socket: Object.assign(socket, {
      setNoDelay() {},
      setKeepAlive() {},
      destroySoon() {},
    }) as unknown as Socket,
    taken: () => Buffer.concat(taken).toString(),
    takeAll() {
      takes = true;
      waiting?.();
    },
  };
}
