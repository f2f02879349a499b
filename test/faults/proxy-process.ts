import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FaultProxy, type ProxyFaults, startFaultProxy } from './fault-proxy.ts';

/** The most that is read of a control request, in bytes. */
const CONTROL_BYTES_MAX = 4096;

/**
 * The proxy as a process, for faults by hand:
 * `node test/contract/run-program.mjs test/faults/proxy-process.ts 4400`, then
 * `curl -d '{"swallow":"down"}' <control>` and `curl -d '{}' <control>/reset`.
 *
 * @param programArguments - The port of the server.
 */
export async function main([port]: readonly string[]): Promise<void> {
  const proxy = await startFaultProxy(Number(port), Math.random);
  const control = createServer((request, response) => void obey(proxy, request, response));
  control.listen(0, '127.0.0.1');
  await once(control, 'listening');
  const { port: controlPort } = control.address() as AddressInfo;
  console.log(JSON.stringify({ proxy: proxy.url, control: `http://127.0.0.1:${controlPort}` }));
}

async function obey(proxy: FaultProxy, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const faults = JSON.parse(await bodyOf(request)) as ProxyFaults;
    if (request.url === '/reset') proxy.reset();
    else proxy.set(faults);
    response.end(`${JSON.stringify(proxy.counts)}\n`);
  } catch (error) {
    response.writeHead(400).end(`${String(error)}\n`);
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > CONTROL_BYTES_MAX) throw new RangeError(`at most ${CONTROL_BYTES_MAX} bytes`);
  }
  return text;
}
