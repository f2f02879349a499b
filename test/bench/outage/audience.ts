import { Dimmer } from '@dimmer/node';
import type { ClientStream } from '../../contract/client-harness.ts';
import { readStream } from '../../contract/client-harness.ts';
import { NO_SDK } from './request-count.ts';

/** Whom the audience asks, and with which keys. */
export interface Place {
  readonly url: string;
  readonly serverKey: string;
  readonly clientKey: string;
  readonly flag: string;
}

const user = { targetingKey: 'user-1' };

/** What the audience has met so far. */
export interface Tally {
  evaluations: number;
  evaluationsFailed: number;
  answers: number;
  answersFailed: number;
  polls: number;
  pollsFailed: number;
  /** Times that an SDK was without its stream. */
  streamsLost: number;
  /** Streams of pages that ended. */
  pagesEnded: number;
  /** Times that the flag was served on although it had been seen off. */
  flips: number;
}

/** One SDK, asked all the time. */
export interface Reader {
  readonly flags: Dimmer;
  /** When it first served the flag off since the last {@link Audience.watch}; `undefined`: not yet. */
  offAt: number | undefined;
}

/** Programs, pages, pollers and callers of OFREP, at one server. */
export interface Audience {
  readonly tally: Tally;
  readonly readers: readonly Reader[];
  readonly pages: readonly ClientStream[];
  /** From now on, whoever has served the flag off must not serve it on. */
  watch(): void;
  /** No more of that. */
  unwatch(): void;
  stop(): Promise<void>;
}

export async function gather(place: Place, programs: number, pages: number): Promise<Audience> {
  const tally: Tally = {
    evaluations: 0,
    evaluationsFailed: 0,
    answers: 0,
    answersFailed: 0,
    polls: 0,
    pollsFailed: 0,
    streamsLost: 0,
    pagesEnded: 0,
    flips: 0,
  };
  const readers = await Promise.all(Array.from({ length: programs }, () => startReader(place)));
  const streams = await Promise.all(Array.from({ length: pages }, () => openPage(place)));
  let isWatching = false;
  let isOver = false;
  const evaluating = setInterval(() => {
    for (const reader of readers) evaluate(reader, place.flag, tally, isWatching);
  }, 1);
  const states = watchStates(readers, tally);
  const asking = [
    ...Array.from({ length: 4 }, () =>
      repeat(
        10,
        () => isOver,
        () => askOfrep(place, tally),
      ),
    ),
    ...Array.from({ length: 4 }, () =>
      repeat(
        250,
        () => isOver,
        () => poll(place, tally),
      ),
    ),
  ];
  for (const page of streams) void page.ended.then(() => (tally.pagesEnded += isOver ? 0 : 1));
  return {
    tally,
    readers,
    pages: streams.map(({ stream }) => stream),
    watch: () => {
      for (const reader of readers) reader.offAt = undefined;
      isWatching = true;
    },
    unwatch: () => {
      isWatching = false;
    },
    stop: async () => {
      isOver = true;
      clearInterval(evaluating);
      clearInterval(states);
      for (const { stream } of streams) stream.stop();
      await Promise.all([...asking, ...readers.map(({ flags }) => flags.close())]);
    },
  };
}

async function startReader({ url, serverKey }: Place): Promise<Reader> {
  const flags = new Dimmer({ url, key: serverKey, cache: false, logger: SILENT });
  await flags.ready();
  return { flags, offAt: undefined };
}

function evaluate(reader: Reader, flag: string, tally: Tally, isWatching: boolean): void {
  const { value, reason } = reader.flags.detail(flag, user, false);
  tally.evaluations += 1;
  if (reason === 'ERROR') tally.evaluationsFailed += 1;
  if (!isWatching) return;
  if (value === false) reader.offAt ??= performance.now();
  else if (reader.offAt !== undefined) tally.flips += 1;
}

/** An SDK that is cut off from the database is STALE on a stream that goes on (F59): its mode tells of the stream. */
function watchStates(readers: readonly Reader[], tally: Tally): NodeJS.Timeout {
  const last = new Map<Reader, string>();
  return setInterval(() => {
    for (const reader of readers) {
      const { mode } = reader.flags.status();
      if (mode !== 'stream' && last.get(reader) === 'stream') tally.streamsLost += 1;
      last.set(reader, mode);
    }
  }, 1);
}

async function openPage(
  place: Place,
): Promise<{ readonly stream: ClientStream; readonly ended: Promise<unknown> }> {
  const response = await asPage(place, '/client/v1/stream');
  const [told, watched] = response.body?.tee() ?? [];
  const stream = readStream(new Response(told, response));
  await stream.until(({ type }) => type === 'commit');
  return { stream, ended: drained(watched) };
}

async function drained(body: ReadableStream<Uint8Array> | undefined): Promise<void> {
  const reader = body?.getReader();
  while (reader !== undefined && !(await reader.read().catch(() => ({ done: true }))).done);
}

async function askOfrep(place: Place, tally: Tally): Promise<void> {
  const answer = await asPage(place, `/ofrep/v1/evaluate/flags/${place.flag}`).catch(() => undefined);
  await answer?.arrayBuffer();
  tally.answers += 1;
  if (answer?.status !== 200) tally.answersFailed += 1;
}

async function poll({ url, serverKey }: Place, tally: Tally): Promise<void> {
  const headers = { authorization: `Bearer ${serverKey}` };
  const answer = await fetch(`${url}/sdk/v1/snapshot?${NO_SDK}`, { headers }).catch(() => undefined);
  await answer?.arrayBuffer();
  tally.polls += 1;
  if (answer?.status !== 200) tally.pollsFailed += 1;
}

function asPage({ url, clientKey }: Place, path: string): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ context: user }),
  });
}

async function repeat(everyMs: number, isOver: () => boolean, run: () => Promise<void>): Promise<void> {
  while (!isOver()) {
    await run();
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
