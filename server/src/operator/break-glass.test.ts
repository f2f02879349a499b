import { Command } from 'commander';
import { expect, test } from 'vitest';
import { breakGlassKill, breakGlassRestore } from './break-glass.ts';
import { EXIT } from './exit-code.ts';
import { addOperatorCommands } from './operator-commands.ts';
import type { RunOptions } from './run-command.ts';
import type { RunSetting } from './session.fixture.ts';
import { configurationView, connectionFault, ENVIRONMENT_PATH, problem, runWith } from './session.fixture.ts';
import { status } from './status.ts';

const KILL = `${ENVIRONMENT_PATH}/kill`;
const committed = { revision: 813, revisions: { production: 813 }, changed: true, objects: [], warnings: [] };
const held = {
  held: true,
  server: 'flags-1',
  streams: 1_204,
  project: 'default',
  environment: 'production',
  flags: ['checkout-v2'],
  at: '2026-11-21T09:00:00.000Z',
  kept: true,
  detail: 'The database does not answer.',
};
const servers = (...names: readonly string[]): URL[] => names.map((name) => new URL(`http://${name}.test/`));

function killAt(urls: readonly URL[], setting: RunSetting) {
  return runWith(
    (session) => breakGlassKill(session, urls, { flags: ['checkout-v2'], reason: 'x' }),
    setting,
  );
}

test('[O16] every server is asked, and told of; all that took it is done', async () => {
  const answers = { [`POST http://a.test${KILL}`]: held, [`POST http://b.test${KILL}`]: committed };
  const { exitCode, out, requests } = await killAt(servers('a', 'b'), { answers });
  expect(exitCode).toBe(EXIT.done);
  expect(out).toEqual([
    'http://a.test/',
    '  held by flags-1 for 1,204 streams, not in the database yet',
    'http://b.test/',
    '  committed: revision 813 of default/production',
    'What is held is committed as soon as the database is back, also after a restart.',
    'SDKs of servers that are not named here still serve the flag: name every server with --url.',
  ]);
  expect(requests.map(({ body }) => body)).toEqual(
    Array(2).fill({ flags: ['checkout-v2'], reason: 'x', breakGlass: true }),
  );
});

test('[O16] a server that holds a kill in its memory alone is told of', async () => {
  const answers = {
    [`POST http://a.test${KILL}`]: held,
    [`POST http://b.test${KILL}`]: { ...held, kept: false },
  };
  const { out } = await killAt(servers('a', 'b'), { answers });
  expect(out.slice(0, 5)).toEqual([
    'http://a.test/',
    '  held by flags-1 for 1,204 streams, not in the database yet',
    'http://b.test/',
    '  held by flags-1 for 1,204 streams, not in the database yet, and in its memory alone',
    'What is held is committed as soon as the database is back, and lost if a server ends before that has it in memory alone.',
  ]);
});

test('[O16] with --wait each server says who of its SDKs has applied it; somebody who is left ends it with 3', async () => {
  const receipt = { instances: 3, applied: 2, complete: false, stragglersOmitted: 0 };
  const answers = {
    [`POST http://a.test${KILL}?wait=5000`]: {
      ...held,
      receipt: { ...receipt, stragglers: [{ id: 'web-7', host: 'node-3' }] },
    },
    [`POST http://b.test${KILL}?wait=5000`]: {
      ...committed,
      receipt: { ...receipt, applied: 3, complete: true },
    },
  };
  const waiting = (urls: readonly URL[]) =>
    runWith((session) => breakGlassKill(session, urls, { flags: ['checkout-v2'], reason: 'x' }, 10_000), {
      answers,
      options: { retry: 0 },
    });
  const { exitCode, out } = await waiting(servers('a', 'b'));
  expect(out.slice(0, 6)).toEqual([
    'http://a.test/',
    '  held by flags-1 for 1,204 streams, not in the database yet',
    '  applied by 2 of 3, waiting for web-7 (node-3)',
    'http://b.test/',
    '  committed: revision 813 of default/production',
    '  applied by 3 of 3',
  ]);
  expect(exitCode).toBe(EXIT.incomplete);
  expect((await waiting(servers('b'))).exitCode).toBe(EXIT.done);
  expect((await waiting(servers('a', 'c'))).exitCode).toBe(EXIT.unreachable);
});

test('[O16] without --url it is the server of the settings', async () => {
  const { exitCode, out } = await killAt([], { answers: { [`POST ${KILL}`]: committed } });
  expect([exitCode, out]).toEqual([
    EXIT.done,
    ['http://dimmer.test/', '  committed: revision 813 of default/production'],
  ]);
});

test.each([
  ['is not there', connectionFault('ECONNREFUSED'), EXIT.unreachable, 'connection refused'],
  [
    'does not let in',
    problem(403, 'FORBIDDEN', 'The role is viewer.'),
    EXIT.unauthorized,
    'The role is viewer.',
  ],
  ['knows no such flag', problem(404, 'FLAG_NOT_FOUND', 'No flag.'), EXIT.failed, 'No flag.'],
])('[O16] a server that %s fails the command, and no other server', async (_why, answer, expected, text) => {
  const answers = { [`POST http://a.test${KILL}`]: answer, [`POST http://b.test${KILL}`]: held };
  const { exitCode, out, notes } = await killAt(servers('a', 'b'), { answers, options: { retry: 0 } });
  expect(exitCode).toBe(expected);
  expect(out).toContain('  FAILED');
  expect(out).toContain('  held by flags-1 for 1,204 streams, not in the database yet');
  expect(notes.join('\n')).toContain(text);
  expect(notes.at(-1)).toBe('1 of 2 servers took it.');
});

test('[O3, O16] as JSON it is one object with an entry for each server', async () => {
  const answers = {
    [`POST http://a.test${KILL}`]: held,
    [`POST http://b.test${KILL}`]: problem(404, 'FLAG_NOT_FOUND', 'No.'),
  };
  const { out } = await killAt(servers('a', 'b'), { answers, options: { json: true } });
  expect(JSON.parse(out.join(''))).toMatchObject({
    servers: [
      { url: 'http://a.test/', outcome: 'taken', answer: held },
      { url: 'http://b.test/', outcome: 'failed', problem: expect.stringContaining('FLAG_NOT_FOUND') },
    ],
  });
});

test('[O16] a restore lifts what servers hold, and says where nothing was held', async () => {
  const path = `${ENVIRONMENT_PATH}/flags/checkout-v2/restore`;
  const lifted = { lifted: true, server: 'flags-1', streams: 12 };
  const answers = {
    [`POST http://a.test${path}`]: lifted,
    [`POST http://b.test${path}`]: { ...lifted, lifted: false, server: 'flags-2' },
  };
  const { exitCode, out, requests } = await runWith(
    (session) => breakGlassRestore(session, servers('a', 'b'), 'checkout-v2'),
    { answers },
  );
  expect([exitCode, out]).toEqual([
    EXIT.done,
    [
      'http://a.test/',
      '  lifted by flags-1 for 12 streams',
      'http://b.test/',
      '  flags-2 held no such kill',
      'Where the database has it: dimmer restore checkout-v2',
    ],
  ]);
  expect(requests[0]?.body).toEqual({ breakGlass: true });
});

test.each([
  [
    'kill checkout-v2 --reason x --url http://a.test --url http://b.test',
    'more than one --url is for --break-glass',
  ],
  [
    'restore checkout-v2 --reason x --url http://a.test --url http://b.test',
    'more than one --url is for --break-glass',
  ],
  ['kill checkout-v2 --reason x --break-glass --url a.test', 'http://'],
])('[O17] `dimmer %s` is refused, and nothing is sent', async (line, text) => {
  const said: string[] = [];
  const ran: RunOptions[] = [];
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: (error) => void said.push(error) });
  const copyInherited = (command: Command): void => {
    for (const child of command.commands) child.copyInheritedSettings(command);
  };
  addOperatorCommands(program, { now: () => 0 }, async (options) => void ran.push(options));
  copyInherited(program);
  await expect(program.parseAsync(line.split(' '), { from: 'user' })).rejects.toThrow();
  expect([said.join(''), ran]).toEqual([expect.stringContaining(text), []]);
});

const HELD_KILLS = `GET ${ENVIRONMENT_PATH}/held-kills`;
const CONFIGURATION = `GET ${ENVIRONMENT_PATH}/flags/checkout-v2`;
const item = { flag: 'checkout-v2', reason: 'payments fail', by: 'ops', at: '2026-11-21T09:00:00.000Z' };

test('[O18] the status of a flag tells of a kill that is held, while the database is away', async () => {
  const answers = {
    [HELD_KILLS]: { server: 'flags-1', streams: 12, items: [item] },
    [CONFIGURATION]: problem(503, 'UNAVAILABLE', 'The database does not answer.'),
  };
  const { exitCode, out } = await runWith((session) => status(session, 'checkout-v2'), { answers });
  expect(exitCode).toBe(EXIT.unreachable);
  expect(out).toEqual([
    expect.stringMatching(/^held {10}KILLED since 2026-11-21T.* by "ops": payments fail$/),
    '              by flags-1, which commits it when the database is back',
  ]);
});

test('[O18] the status is what it was where nothing is held, and where the server knows no such thing', async () => {
  const rest = {
    [CONFIGURATION]: configurationView(),
    [`GET ${ENVIRONMENT_PATH}/revisions?limit=1&flag=checkout-v2`]: { items: [] },
    [`GET ${ENVIRONMENT_PATH}/revisions/813/receipt`]: problem(404, 'REVISION_NOT_FOUND', 'Gone.'),
    [`${CONFIGURATION}/exposures?minutes=5`]: { flag: 'checkout-v2', minutes: [], totals: [] },
  };
  const runs = [
    { ...rest, [HELD_KILLS]: { server: 'flags-1', streams: 12, items: [{ ...item, flag: 'other' }] } },
    { ...rest, [HELD_KILLS]: problem(404, 'ROUTE_NOT_FOUND', 'No route.') },
  ].map((answers) => runWith((session) => status(session, 'checkout-v2'), { answers }));
  for (const { exitCode, out } of await Promise.all(runs)) {
    expect(exitCode).toBe(EXIT.done);
    expect(out.join('\n')).not.toContain('held');
  }
});
