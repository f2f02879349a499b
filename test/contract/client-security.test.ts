import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClientHarness } from './client-harness.ts';
import { openClient } from './client-harness.ts';
import { PRODUCTION, PROJECT, SERVER } from './rest-harness.ts';

const EVALUATE = '/client/v1/evaluate';
const BULK = '/ofrep/v1/evaluate/flags';

let client: ClientHarness;
const open = async (environment: Record<string, string> = {}): Promise<void> => {
  client = await openClient(environment);
};
afterEach(() => client.close());

/** Whatever holds this word must never reach a browser. */
const CANARY = 'canary';

describe('what a client key can learn', () => {
  beforeEach(() => open());

  it('[A106] is nothing of how values come about (SEC-1)', async () => {
    const when = { attribute: 'email', op: 'in', values: [`${CANARY}-rule-value`] };
    await client.admin(`POST ${PRODUCTION}/segments`, {
      key: `${CANARY}-segment`,
      included: [`${CANARY}-included`],
    });
    await client.flag(`${CANARY}-hidden`, { enabled: true }, { exposeToClients: false });
    const configuration = {
      enabled: true,
      prerequisites: [{ flag: `${CANARY}-hidden`, variation: 'on' }],
      targets: [{ variation: 'off', values: [`${CANARY}-other-user`] }],
      rules: [
        { id: `${CANARY}-rule-id`, when, serve: { variation: 'on' } },
        { id: `${CANARY}-rule-two`, when: { segment: `${CANARY}-segment` }, serve: { variation: 'on' } },
      ],
    };
    const described = { name: `${CANARY}-name`, description: `${CANARY}-description` };
    await client.flag('seen', configuration, described);
    const contexts = [{}, { email: `${CANARY}-rule-value` }, { targetingKey: `${CANARY}-included` }];
    const told = [...(await answersTo(contexts)), ...(await publicAnswers()), await streamOf(contexts)];
    for (const text of told) expect(text).not.toContain(CANARY);
    expect(told.join()).toContain('RULE_MATCH');
    expect(told.join()).toContain('TARGETING_MATCH');
    expect(told.join()).toContain('refetchEvaluation');
    expect(told.join()).toContain('KILLED');
  });

  it('[A109] a context is in no log, metric, header or answer (SEC-14)', async () => {
    await client.flag('seen');
    const context = { targetingKey: CANARY, nested: { email: `${CANARY}@example.com` }, [CANARY]: 1 };
    const wrong = [
      { ...context, targetingKey: [CANARY] },
      { ...context, text: `${CANARY}\ud800` },
    ];
    const told = [...(await answersTo([context, ...wrong])), await streamOf([context])];
    const server = { headers: { authorization: `Bearer ${SERVER}` } };
    for (const flag of ['seen', 'absent']) await client.post(`${BULK}/${flag}`, { context }, server);
    await client.admin(`POST ${PRODUCTION}/flags/seen/explain`, { context });
    told.push(...(await publicAnswers()), ...client.log);
    // The log is kept at the level `debug`: nothing is logged below it.
    expect(client.log.some((line) => line.includes('"level":20'))).toBe(true);
    for (const text of told) expect(text).not.toContain(CANARY);
  });

  it('[OF9] the URL of an OFREP stream, which may end up in logs, tells nothing of its context (SEC-14)', async () => {
    const context = { targetingKey: CANARY, email: `${CANARY}@example.com` };
    const one = await (await client.post(BULK, { context })).text();
    const other = await (await client.post(BULK, { context: {} })).text();
    expect(one).not.toContain(CANARY);
    expect(one).toBe(other);
  });

  it('[A109] a context in an address is not read, and not logged either (SEC-14)', async () => {
    const query = `?targetingKey=${CANARY}&context=${encodeURIComponent(JSON.stringify({ plan: CANARY }))}`;
    for (const path of [EVALUATE, '/client/v1/stream', BULK, `${BULK}/seen`, '/ofrep/v1/stream', '/livez']) {
      await (await client.post(`${path}${query}`, '')).text();
      await (await fetch(`${client.server.url}${path}${query}`)).text();
    }
    expect(client.log.length).toBeGreaterThan(10);
    for (const line of client.log) expect(line).not.toContain(CANARY);
  });

  /** What is answered without a key. */
  async function publicAnswers(): Promise<string[]> {
    const paths = [
      '/openapi.json',
      '/metrics',
      '/livez',
      '/readyz',
      '/',
      PROJECT,
      '/ofrep/v1/stream',
      EVALUATE,
    ];
    return Promise.all(
      paths.map(async (path) => {
        const answer = await fetch(`${client.server.url}${path}`);
        return `${JSON.stringify([...answer.headers])}${await answer.text()}`;
      }),
    );
  }

  /** Every answer without a stream, with its headers. */
  async function answersTo(contexts: readonly unknown[]): Promise<string[]> {
    const told: string[] = [];
    const tell = async (answer: Response): Promise<void> => {
      told.push(`${JSON.stringify([...answer.headers])}${await answer.text()}`);
    };
    for (const context of contexts) {
      const answer = await client.evaluate(context);
      const etag = answer.headers.get('etag') ?? '';
      await tell(answer);
      await tell(await client.evaluate(context, { headers: { 'if-none-match': etag } }));
      await tell(await client.post('/client/v1/stream', { context: [context] }));
      await tell(await client.evaluate([context]));
      await tell(await client.post('/client/v1/report', { context }));
      await tell(await client.evaluate(context, { key: `dim_cli_${'z'.repeat(32)}` }));
      for (const flag of ['', '/seen', '/absent', `/${encodeURIComponent('a/ü')}`]) {
        await tell(await client.post(`${BULK}${flag}`, { context }));
        await tell(await client.post(`${BULK}${flag}`, { context: [context] }));
        await tell(await client.post(`${BULK}${flag}`, { context }, { key: '' }));
      }
    }
    for (const body of [`{"context":{"a":${CANARY}}}`, `{"context":{"${CANARY}":1,"${CANARY}":2}}`]) {
      await tell(await client.post(EVALUATE, body));
      await tell(await client.post(BULK, body));
    }
    await tell(await client.post(EVALUATE, `{"context":{"a":${CANARY}}}`));
    await tell(await client.post(EVALUATE, `{"${CANARY}":{"__proto__":1}}`));
    return told;
  }

  /** All that streams say while everything happens that can happen to a flag. */
  async function streamOf(contexts: readonly object[]): Promise<string> {
    const streams = await Promise.all(contexts.map((context) => client.stream({ context })));
    const events = await eventStream();
    await client.configure('seen', { rules: [] });
    await client.admin(`POST ${PRODUCTION}/flags/seen/kill`, { reason: `${CANARY}-reason` });
    await Promise.all(
      streams.map((stream) => stream.until((message) => message.type === 'commit' && message.kill === true)),
    );
    for (const stream of streams) stream.stop();
    const texts = streams.map((stream) => `${JSON.stringify([...stream.response.headers])}${stream.text()}`);
    return [...texts, await events()].join();
  }

  /** OFREP's event stream of the client key. @returns Reads it until it has told of a change. */
  async function eventStream(): Promise<() => Promise<string>> {
    const { eventStreams } = (await (await client.post(BULK, { context: {} })).json()) as {
      readonly eventStreams: readonly [{ readonly endpoint: { readonly requestUri: string } }];
    };
    const { headers, body } = await fetch(`${client.server.url}${eventStreams[0].endpoint.requestUri}`);
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    return async () => {
      let text = JSON.stringify([...headers]);
      while (!text.includes('refetchEvaluation')) text += (await reader?.read())?.value ?? '';
      await reader?.cancel();
      return text;
    };
  }
});
