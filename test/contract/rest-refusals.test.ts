import { gzipSync } from 'node:zlib';
import { LIMITS } from '@dimmer/schema';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Ask, RestHarness } from './rest-harness.ts';
import { openRest, PRODUCTION, PROJECT, problemOf } from './rest-harness.ts';

let rest: RestHarness;
beforeEach(async () => {
  rest = await openRest();
  await rest.ask(`POST ${PROJECT}/flags`, { json: { key: 'checkout' } });
  await rest.ask(`POST ${PROJECT}/flags`, { json: { key: 'cart' } });
});
afterEach(() => rest.close());

const FLAG = `${PRODUCTION}/flags/checkout`;
const json = { 'content-type': 'application/json' };

/** A request that is refused, and what the refusal says. */
interface Refusal {
  readonly title: string;
  readonly route: string;
  readonly ask: Ask;
  readonly status: number;
  readonly code: string;
  readonly path?: string;
}

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const when = (condition: object): object => ({
  rules: [{ id: 'r', when: condition, serve: { variation: 'on' } }],
});

const badDocuments: readonly Refusal[] = [
  {
    title: 'malformed JSON is refused',
    route: `PATCH ${FLAG}`,
    ask: { text: '{"enabled": tru' },
    status: 400,
    code: 'INVALID_JSON',
  },
  {
    title: 'an empty body with a media type is refused',
    route: `PATCH ${FLAG}`,
    ask: { text: '' },
    status: 400,
    code: 'INVALID_JSON',
  },
  {
    title: 'a body that is not UTF-8 is refused',
    route: `PATCH ${FLAG}`,
    ask: { text: new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), headers: json },
    status: 400,
    code: 'INVALID_JSON',
  },
  {
    title: 'a body nested deeper than the limit is refused with the place',
    route: `POST ${FLAG}/explain`,
    ask: { text: `{"context":{"a":${nested(5_000)}}}` },
    status: 400,
    code: 'INVALID_JSON',
    path: '$.context.a[0]',
  },
  {
    title: '__proto__ as a name is refused with the place, whatever route it is for',
    route: `POST ${FLAG}/explain`,
    ask: { text: '{"context":{"list":[{"__proto__":{"polluted":true}}]}}' },
    status: 400,
    code: 'INVALID_JSON',
    path: '$.context.list[0].__proto__',
  },
];

const largeBodies: readonly Refusal[] = [
  {
    title: 'a body of one byte more than the limit is refused',
    route: `PATCH ${FLAG}`,
    ask: { text: JSON.stringify({ reason: 'x'.repeat(LIMITS.bodyBytes - 13) }).padEnd(LIMITS.bodyBytes + 1) },
    status: 413,
    code: 'BODY_TOO_LARGE',
  },
];

const otherMedia: readonly Refusal[] = [
  {
    title: 'another media type is refused',
    route: `PATCH ${FLAG}`,
    ask: { text: '{}', headers: { 'content-type': 'text/plain' } },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
  {
    title: 'a compressed body is refused',
    route: `PATCH ${FLAG}`,
    ask: { text: '{}', headers: { 'content-encoding': 'gzip' } },
    status: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
  },
];

const faultyFields: readonly Refusal[] = [
  {
    title: 'an unknown field is named',
    route: `PATCH ${FLAG}`,
    ask: { json: { enabeld: true } },
    status: 400,
    code: 'INVALID_REQUEST',
    path: '$.enabeld',
  },
  {
    title: 'an unknown query parameter is named, so that a misspelt dryRun writes nothing',
    route: `PUT ${PRODUCTION}/state?dryrun=true`,
    ask: { json: {} },
    status: 400,
    code: 'INVALID_REQUEST',
    path: 'query.dryrun',
  },
  {
    title: 'a missing field is named',
    route: `POST ${FLAG}/kill`,
    ask: {},
    status: 400,
    code: 'INVALID_REQUEST',
    path: '$.reason',
  },
  {
    title: 'a number out of range is refused',
    route: `PATCH ${FLAG}`,
    ask: {
      text: '{"rules":[{"id":"r","when":{"attribute":"a","op":"lt","values":[1e400]},"serve":{"variation":"on"}}]}',
    },
    status: 400,
    code: 'INVALID_REQUEST',
    path: '$.rules[0].when.values[0]',
  },
  {
    title: 'a path that is no key is refused',
    route: `GET ${PROJECT}/flags/-dash`,
    ask: {},
    status: 400,
    code: 'INVALID_REQUEST',
    path: 'path.flag',
  },
];

const manyForms: readonly Refusal[] = [
  {
    title: 'of the forms of a condition the one that was meant is judged',
    route: `PATCH ${FLAG}`,
    ask: { json: when({ all: [{ not: { attribute: 'country', op: 'inn', values: ['NO'] } }] }) },
    status: 400,
    code: 'INVALID_REQUEST',
    path: '$.rules[0].when.all[0].not.op',
  },
  {
    title: 'where the form cannot be told the forms are listed',
    route: `PATCH ${FLAG}`,
    ask: { json: { fallthrough: { rolout: {} } } },
    status: 400,
    code: 'INVALID_REQUEST',
    path: '$.fallthrough',
  },
  {
    title: 'an edit of an unknown kind is named',
    route: `POST ${PRODUCTION}/changes`,
    ask: { json: { edits: [{ edit: 'explode' }] } },
    status: 400,
    code: 'INVALID_REQUEST',
    path: '$.edits[0].edit',
  },
];

const brokenRules: readonly Refusal[] = [
  {
    title: 'weights that do not add up are refused',
    route: `PATCH ${FLAG}`,
    ask: { json: { fallthrough: { rollout: { weights: { on: 10, off: 80 } } } } },
    status: 400,
    code: 'INVALID_REQUEST',
    path: '$.fallthrough.rollout.weights',
  },
  {
    title: 'an unknown variation is refused',
    route: `PATCH ${FLAG}`,
    ask: { json: { fallthrough: { variation: 'blue' } } },
    status: 422,
    code: 'RULE_VIOLATED',
    path: '$.fallthrough.variation',
  },
  {
    title: 'a pattern that RE2 refuses is refused',
    route: `PATCH ${FLAG}`,
    ask: { json: when({ attribute: 'email', op: 'matches', values: ['(?=x)'] }) },
    status: 422,
    code: 'RULE_VIOLATED',
    path: '$.rules[0].when.values[0]',
  },
  {
    title: 'a prerequisite on itself is refused',
    route: `PATCH ${FLAG}`,
    ask: { json: { prerequisites: [{ flag: 'checkout', variation: 'on' }] } },
    status: 422,
    code: 'RULE_VIOLATED',
    path: '$.prerequisites[0].flag',
  },
  {
    title: 'a key that differs only in case is taken',
    route: `POST ${PROJECT}/flags`,
    ask: { json: { key: 'Checkout' } },
    status: 409,
    code: 'KEY_EXISTS',
  },
];

const missingThings: readonly Refusal[] = [
  {
    title: 'an unknown project is not found',
    route: 'GET /api/v1/projects/nowhere/flags',
    ask: {},
    status: 404,
    code: 'PROJECT_NOT_FOUND',
  },
  {
    title: 'an unknown environment is not found',
    route: `GET ${PROJECT}/environments/nowhere/revisions`,
    ask: {},
    status: 404,
    code: 'ENVIRONMENT_NOT_FOUND',
  },
  {
    title: 'an unknown flag is not found, also under a precondition',
    route: `PATCH ${PRODUCTION}/flags/nothing`,
    ask: { json: { enabled: true }, headers: { 'if-match': '"1"' } },
    status: 404,
    code: 'FLAG_NOT_FOUND',
  },
  {
    title: 'names of the prototype are not found',
    route: `GET ${PROJECT}/flags/constructor`,
    ask: {},
    status: 404,
    code: 'FLAG_NOT_FOUND',
  },
  {
    title: 'an unknown segment is not found',
    route: `GET ${PRODUCTION}/segments/nothing`,
    ask: {},
    status: 404,
    code: 'SEGMENT_NOT_FOUND',
  },
  {
    title: 'an unknown key is not found',
    route: `DELETE ${PRODUCTION}/keys/nothing`,
    ask: {},
    status: 404,
    code: 'KEY_NOT_FOUND',
  },
];

const unknownRoutes: readonly Refusal[] = [
  {
    title: 'an unknown route is not found',
    route: 'GET /api/v1/nothing',
    ask: {},
    status: 404,
    code: 'ROUTE_NOT_FOUND',
  },
];

test.each(badDocuments)('[A40] $title', expectRefusal);
test.each(largeBodies)('[A41] $title', expectRefusal);
test.each(otherMedia)('[A42] $title', expectRefusal);
test.each(faultyFields)('[A43] $title', expectRefusal);
test.each(manyForms)('[A44] $title', expectRefusal);
test.each(brokenRules)('[A45] $title', expectRefusal);
test.each(missingThings)('[A46] $title', expectRefusal);
test.each(unknownRoutes)('[A47] $title', expectRefusal);

test('[A41] a body without a length is refused while it is read, with both figures', async () => {
  let sent = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += 65_536;
      controller.enqueue(new Uint8Array(65_536).fill(0x20));
    },
  });
  const response = await rest.app.fetch(
    new Request(`http://dimmer.test${FLAG}`, {
      method: 'PATCH',
      headers: { ...json, authorization: `Bearer dim_adm_${'a'.repeat(32)}` },
      body: endless,
      duplex: 'half',
    } as RequestInit),
  );
  expect(await response.json()).toMatchObject({
    code: 'BODY_TOO_LARGE',
    limit: { current: expect.any(Number), maximum: LIMITS.bodyBytes },
  });
  expect(sent).toBeLessThan(2 * LIMITS.bodyBytes);
});

test('[A41] a body of exactly the limit is read', async () => {
  const text = JSON.stringify({ enabled: true }).padEnd(LIMITS.bodyBytes);
  expect((await rest.ask(`PATCH ${FLAG}`, { text })).status).toBe(200);
});

test('[A45] a cycle of prerequisites is refused, and named', async () => {
  const prerequisites = (flag: string): object => ({ prerequisites: [{ flag, variation: 'on' }] });
  await rest.ask(`PATCH ${PRODUCTION}/flags/cart`, { json: prerequisites('checkout') });
  const before = await rest.revision();
  const refused = problemOf(await rest.ask(`PATCH ${FLAG}`, { json: prerequisites('cart') }));
  expect(refused).toMatchObject({ status: 422, code: 'RULE_VIOLATED' });
  expect(refused.detail).toMatch(/checkout.*cart|cart.*checkout/);
  expect(await rest.revision()).toBe(before);
});

test('[A45] a change set is refused whole, and the issue names the edit', async () => {
  const before = await rest.revision();
  const edits = [
    { edit: 'patchConfiguration', flag: 'cart', patch: { enabled: true } },
    { edit: 'patchConfiguration', flag: 'checkout', patch: { offVariation: 'blue' } },
  ];
  const refused = problemOf(await rest.ask(`POST ${PRODUCTION}/changes`, { json: { edits } }));
  expect(refused.issues?.[0]?.path).toBe('$.edits[1].patch.offVariation');
  expect(await rest.revision()).toBe(before);
});

test('[A47] a method that a path does not take is answered with those that it does', async () => {
  const answer = await rest.ask(`PUT ${PROJECT}/flags`, { json: {} });
  expect(problemOf(answer)).toMatchObject({ code: 'METHOD_NOT_ALLOWED', remedy: 'Use GET or POST.' });
  expect(answer.headers.get('allow')).toBe('GET, POST');
});

test('[A40] [A41] hostile bodies are refused at once, and leave no memory behind (BAD-7)', async () => {
  const huge = LIMITS.bodyBytes;
  const bodies: readonly (readonly [string, Ask])[] = [
    ['a depth bomb', { text: `{"context":${nested(huge / 2 - 100)}}` }],
    ['an overflow', { text: '{"context":{"a":1e400},"enabled":1e400}' }],
    ['bad UTF-8', { text: new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), headers: json }],
    ['a name twice', { text: '{"context":{"targetingKey":"a","targetingKey":"b"}}' }],
    [
      'a gzip bomb',
      {
        text: new Uint8Array(gzipSync(' '.repeat(50_000_000))),
        headers: { ...json, 'content-encoding': 'gzip' },
      },
    ],
    ['a byte too much', { text: ' '.repeat(huge + 1) }],
  ];
  const rssBefore = process.memoryUsage().rss;
  for (const [title, ask] of bodies) {
    const times: number[] = [];
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const startedAt = performance.now();
      const { status } = await rest.ask(`POST ${FLAG}/explain`, ask);
      times.push(performance.now() - startedAt);
      expect(status, title).toBeGreaterThanOrEqual(400);
      expect(status, title).toBeLessThan(500);
    }
    if (process.env['DIMMER_TEST_PRINT'] === '1')
      console.info(`${title}: ${Math.min(...times).toFixed(1)} ms`);
    expect(Math.min(...times), title).toBeLessThan(50);
  }
  const grownMb = (process.memoryUsage().rss - rssBefore) / 1e6;
  if (process.env['DIMMER_TEST_PRINT'] === '1') console.info(`RSS +${grownMb.toFixed(0)} MB`);
  expect(grownMb).toBeLessThan(100);
});

const many = (text: string): string => text.repeat(Math.floor(LIMITS.bodyBytes / text.length) - 100);

test.each([
  ['numbers where subjects belong', `POST ${PRODUCTION}/segments`, `{"key":"a","included":[${many('1,')}1]}`],
  ['numbers where targets belong', `PATCH ${FLAG}`, `{"targets":[${many('1,')}1]}`],
  [
    'numbers where conditions belong',
    `PATCH ${FLAG}`,
    `{"rules":[{"id":"a","when":{"any":[${many('1,')}1]}}]}`,
  ],
  ['targets of numbers', `PATCH ${FLAG}`, `{"targets":[${many(`{"values":[${'1,'.repeat(100)}1]},`)}1]}`],
  ['nothing where flags belong', `PUT ${PRODUCTION}/state`, `{"flags":[${'null,'.repeat(2_000_000)}null]}`],
])('[A53] %s are refused with fifty faults, however many there are (BAD-7)', async (_, route, text) => {
  const ask = { text, headers: { ...json, 'if-match': '"0"' } };
  const times: number[] = [];
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const startedAt = performance.now();
    const problem = problemOf(await rest.ask(route, ask));
    times.push(performance.now() - startedAt);
    expect(problem).toMatchObject({ status: 400, code: 'INVALID_REQUEST' });
    expect(problem.issues).toHaveLength(50);
  }
  if (process.env['DIMMER_TEST_PRINT'] === '1')
    console.info(`${text.length} characters: ${Math.min(...times).toFixed(1)} ms`);
});

test.each([
  ['a text', `POST ${PRODUCTION}/segments`, { key: 'a', name: 'n'.repeat(300) }, 'characters', 300, 200],
  ['a list', `POST ${PRODUCTION}/segments`, { key: 'a', tags: Array(60).fill('t') }, 'entries', 60, 50],
  ['a depth', `POST ${FLAG}/explain`, { context: { a: JSON.parse(nested(70)) } }, 'bodyDepth', 65, 64],
  ['names', `POST ${FLAG}/explain`, { context: Array(10_002).fill({}) }, 'bodyNames', 10_001, 10_000],
])(
  '[A52] %s beyond a limit is refused with both figures, in the issue and in all (BAD-2)',
  async (...row) => {
    const [, route, body, name, current, maximum] = row;
    const problem = problemOf(await rest.ask(route, { json: body }));
    expect(problem.issues?.[0]?.limit).toEqual({ name, current, maximum });
    expect(problem.limit).toEqual({ name, current, maximum });
  },
);

test('[A48] nothing that is refused pollutes a prototype', async () => {
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString']) {
    const text = `{"key":"x","variations":{"${name}":{"value":true}},"metadata":{"${name}":"y"}}`;
    await rest.ask(`POST ${PROJECT}/flags`, { text });
  }
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>)['value']).toBeUndefined();
});

async function expectRefusal({ route, ask, status, code, path }: Refusal): Promise<void> {
  const before = await rest.revision();
  const answer = await rest.ask(route, ask);
  const problem = problemOf(answer);
  expect(problem, JSON.stringify(problem)).toMatchObject({ status, code });
  expect(problem.remedy, 'remedy').toMatch(/\w/);
  expect(problem.instance).toBe(answer.headers.get('x-request-id'));
  if (path !== undefined)
    expect(problem.issues?.map((issue) => issue.path)).toContainEqual(expect.stringContaining(path));
  for (const issue of problem.issues ?? []) expect(issue.remedy).toMatch(/\w/);
  expect(await rest.revision()).toBe(before);
}
