// The reference: the shortest loop over `node:http` that sends the same bytes to the same number of streams.
import { createServer } from 'node:http';

const streams = new Set();

const server = createServer((_request, response) => {
  response.socket.setNoDelay(true);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': welcome\n\n');
  streams.add(response);
  response.on('close', () => streams.delete(response));
});

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  process.send({ type: 'listening', port: server.address().port });
});

process.on('message', ({ type, text }) => {
  if (type === 'close') process.exit(0);
  if (type === 'memory') {
    globalThis.gc();
    process.send({ type: 'memory', rss: process.memoryUsage().rss });
  }
  if (type === 'send') {
    const bytes = Buffer.from(text);
    const startedAt = Number(process.hrtime.bigint());
    for (const stream of streams) stream.write(bytes);
    process.send({ type: 'sent', startedAt });
  }
});

process.on('disconnect', () => process.exit(0));
