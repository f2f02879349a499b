import { get } from 'node:http';

/** An event stream, read as bytes. */
export interface RawEvents {
  readonly status: number;
  /** Everything that came so far. */
  text(): string;
  /** Resolves when the server has ended it. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens an event stream as an EventSource would, without understanding it. */
export function openRaw(url: string, lastEventId?: string): Promise<RawEvents> {
  const headers = {
    accept: 'text/event-stream',
    ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
  };
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      const ended = new Promise<void>((end) => response.on('close', end));
      response.on('error', () => undefined);
      resolve({
        status: response.statusCode ?? 0,
        text: () => text,
        ended,
        close: () => void request.destroy(),
      });
    });
    request.on('error', reject);
  });
}
