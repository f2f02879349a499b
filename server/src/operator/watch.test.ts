import { expect, test } from 'vitest';
import { EXIT } from './exit-code.ts';
import type { Run, RunSetting, SeenRequest } from './session.fixture.ts';
import {
  connectionFault,
  ENVIRONMENT_PATH,
  instanceView,
  problem,
  receiptView,
  runWith,
} from './session.fixture.ts';
import type { WatchInput } from './watch.ts';
import { watch } from './watch.ts';

const LIVE = `GET ${ENVIRONMENT_PATH}/live`;
const change = (revision: number) => ({
  revision,
  at: '2026-11-21T09:00:00.000Z',
  actor: 'night shift',
  action: 'flag.kill',
  reason: 'payments fail',
  kill: true,
  objects: [{ kind: 'flag', key: 'checkout-v2', before: {}, after: {} }],
});

function hello(since: number, epoch = 'k3v9'): string {
  return event('hello', { protocol: 1, epoch, revision: 812, since, heartbeatMs: 15_000 });
}

function event(name: string, data: object, id?: string): string {
  return `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** A stream that says this and ends; no `Response`, because each has to be new. */
function stream(...events: readonly string[]): Response {
  return new Response(events.join(''), { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
}

function lastIdOf({ headers }: SeenRequest): string | null {
  return headers.get('last-event-id');
}

/** Watches until the given pause, at which Ctrl-C is pressed. */
function watching(
  answers: RunSetting['answers'],
  pauses: number,
  setting: RunSetting = {},
  input: Partial<WatchInput> = {},
): Promise<Run> {
  return runWith((session) => watch(session, { firstWithinMs: 5_000, ...input }), {
    ...setting,
    answers: answers ?? {},
    onPause: (interrupt, count) => {
      if (count === pauses) interrupt();
    },
  });
}

test('[O13] changes and receipts are a line each', async () => {
  const receipt = receiptView([instanceView('web-7')]);
  const said = [
    hello(812),
    event('change', change(813), 'k3v9:813'),
    event('receipt', receipt),
    event('later', {}),
  ];
  const { exitCode, out, notes } = await watching({ [LIVE]: stream(...said) }, 1);
  expect(exitCode).toBe(EXIT.done);
  expect(out).toHaveLength(2);
  expect(out[0]).toMatch(/^2026-11-21T\S+ {2}KILL +813 {2}flag\.kill of checkout-v2 by "night shift": /);
  expect(out[1]).toMatch(
    /^2026-11-21T\S+ {2}receipt +813 {2}applied by 40 of 41, waiting for web-7 \(node-3\)$/,
  );
  expect(notes[0]).toBe('Watching; the environment is at revision 812. Ctrl-C ends.');
});

test('[O13] a stream that ends is opened again where it was', async () => {
  const { requests, notes, tookMs } = await watching(
    {
      [LIVE]: [
        stream(hello(812), event('change', change(813), 'k3v9:813')),
        connectionFault('ECONNREFUSED'),
        stream(hello(813)),
      ],
    },
    3,
  );
  expect(requests.map(lastIdOf)).toEqual([null, 'k3v9:813', 'k3v9:813']);
  expect(notes[1]).toBe('The connection is lost: the stream ended. Connecting again in 750 ms.');
  // Delays double with failures, and begin anew with the hello of a stream.
  expect(tookMs).toBe(750 + 1_250 + 750);
});

test('[O13] before the first change, the place of the hello is the one to go on from', async () => {
  const { requests } = await watching({ [`${LIVE}?since=800`]: stream(hello(812)) }, 2, {}, { since: 800 });
  expect(requests.map(lastIdOf)).toEqual([null, 'k3v9:812']);
});

test('[O13] what the history no longer has, and another epoch, are told', async () => {
  const gap = await watching({ [`${LIVE}?since=800`]: stream(hello(812)) }, 1, {}, { since: 800 });
  expect(gap.notes[0]).toBe('The history no longer has revisions 801 to 812. Going on after them.');
  const restored = await watching({ [LIVE]: [stream(hello(812)), stream(hello(3, 'new'))] }, 2);
  expect(restored.notes).toContain('The environment was restored from a backup. It is at revision 812 now.');
});

test('[O13] goodbye is obeyed', async () => {
  const away = event('goodbye', { reason: 'draining', reconnectInMs: 420 });
  const { tookMs, notes } = await watching({ [LIVE]: stream(hello(812), away) }, 1);
  expect(tookMs).toBe(420);
  expect(notes.at(-1)).toBe('The server sends its readers elsewhere. Connecting again in 420 ms.');
});

test('[O13] a key that is refused ends it, also in the middle', async () => {
  const { exitCode } = await watching(
    { [LIVE]: [stream(hello(812)), problem(401, 'UNAUTHENTICATED', 'The key is unknown.')] },
    9,
  );
  expect(exitCode).toBe(EXIT.unauthorized);
});

test('[O13] a server that is not there at first is given up, one that is full is asked again', async () => {
  const away = await watching({ [LIVE]: connectionFault('ECONNREFUSED') }, 99);
  expect(away.exitCode).toBe(EXIT.unreachable);
  expect(away.tookMs).toBeGreaterThanOrEqual(5_000);
  const full = await watching(
    { [LIVE]: [problem(503, 'UNAVAILABLE', 'Too many streams.'), stream(hello(812))] },
    2,
  );
  expect([full.exitCode, full.notes[1]]).toEqual([
    EXIT.done,
    'Watching; the environment is at revision 812. Ctrl-C ends.',
  ]);
});

test('[O3, O13] as JSON each event is an object on a line, without heartbeats', async () => {
  const said = [hello(812), event('heartbeat', { revision: 812 }), event('change', change(813), 'k3v9:813')];
  const { out } = await watching({ [LIVE]: stream(...said) }, 1, { options: { json: true } });
  expect(out.map((line) => JSON.parse(line))).toEqual([
    { event: 'hello', data: { protocol: 1, epoch: 'k3v9', revision: 812, since: 812, heartbeatMs: 15_000 } },
    { event: 'change', id: 'k3v9:813', data: change(813) },
  ]);
});
