import type { Dimmer } from '@dimmer/node';
import type { JsonValue } from '@dimmer/schema';
import { expect } from 'vitest';
import type { ServerProcess } from '../faults/server-process.ts';

const PROJECT = '/api/v1/projects/default';
const ENVIRONMENT = `${PROJECT}/environments/production`;
const USERS = Array.from({ length: 40 }, (_, index) => ({
  targetingKey: `user-${index}`,
  country: index % 3 === 0 ? 'NO' : 'DE',
  age: index,
}));

/** Flags of every kind that all recorded builds know. */
const FLAGS = {
  simple: { type: 'boolean', configuration: { fallthrough: { variation: 'on' } } },
  rollout: { type: 'boolean', configuration: { fallthrough: { rollout: { weights: { on: 37, off: 63 } } } } },
  targeted: {
    type: 'boolean',
    configuration: {
      targets: [{ variation: 'on', values: ['user-1'] }],
      rules: [
        {
          id: 'nordic-adults',
          when: {
            all: [
              { attribute: 'country', op: 'in', values: ['NO'] },
              { attribute: 'age', op: 'gte', values: [18] },
              { not: { segment: 'staff' } },
            ],
          },
          serve: { rollout: { weights: { on: 50, off: 50 } } },
        },
      ],
    },
  },
  dependent: {
    type: 'boolean',
    configuration: {
      prerequisites: [{ flag: 'rollout', variation: 'on' }],
      fallthrough: { variation: 'on' },
    },
  },
  theme: {
    type: 'string',
    variations: { light: { value: 'light' }, dark: { value: 'dark' } },
    configuration: { fallthrough: { variation: 'dark' }, offVariation: 'light' },
  },
  layout: {
    type: 'json',
    variations: { wide: { value: { columns: 3 } }, narrow: { value: { columns: 1 } } },
    configuration: {
      fallthrough: { rollout: { weights: { wide: 10, narrow: 90 } } },
      offVariation: 'narrow',
    },
  },
};

/** A caller's fallback must be of the type of the flag. */
const FALLBACKS: Readonly<Record<string, JsonValue>> = { boolean: false, string: '', json: {} };

/** REST of a server of any build. @throws where it refuses. */
async function ask<Answer = { readonly revision: number }>(
  server: Pick<ServerProcess, 'url' | 'adminKey'>,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

/** Makes one flag that is enabled. @returns The revision that has it. */
export async function createFlag(
  server: ServerProcess,
  key: string,
  flag: object,
  configuration: object,
): Promise<number> {
  await ask(server, 'POST', `${PROJECT}/flags`, { key, exposeToClients: true, ...flag });
  const change = { enabled: true, ...configuration };
  return (await ask(server, 'PATCH', `${ENVIRONMENT}/flags/${key}`, change)).revision;
}

/** Makes the flags. @returns The revision that has all of them. */
export async function openShop(server: ServerProcess): Promise<number> {
  const segment = { key: 'staff', name: 'Staff', included: ['user-30'] };
  await ask(server, 'POST', `${ENVIRONMENT}/segments`, segment);
  let last = 0;
  for (const [key, { configuration, ...flag }] of Object.entries(FLAGS)) {
    last = await createFlag(server, key, flag, configuration);
  }
  return last;
}

/** Holds every answer of an SDK against what the server explains, for every flag and user. */
export async function expectAnswers(server: ServerProcess, sdk: Pick<Dimmer, 'detail'>): Promise<void> {
  for (const [key, { type }] of Object.entries(FLAGS)) {
    const explained = await Promise.all(USERS.map((context) => explain(server, key, context)));
    const answered = USERS.map((context) => {
      const { value, variation, reason } = sdk.detail<JsonValue>(key, context, FALLBACKS[type] ?? null);
      return { value, variation, reason };
    });
    expect(answered, key).toEqual(explained);
  }
}

/** Kills a flag. @returns The revision that has it killed. */
export async function kill(server: ServerProcess, key: string): Promise<number> {
  const killed = await ask(server, 'POST', `${ENVIRONMENT}/flags/${key}/kill`, { reason: 'a test' });
  return killed.revision;
}

/** @returns The revision at which it is back. */
export async function restore(server: ServerProcess, key: string): Promise<number> {
  return (await ask(server, 'POST', `${ENVIRONMENT}/flags/${key}/restore`, {})).revision;
}

/** Serves one of its variations to everybody. @returns The revision. */
export async function serve(server: ServerProcess, key: string, variation: string): Promise<number> {
  const configuration = { fallthrough: { variation } };
  return (await ask(server, 'PATCH', `${ENVIRONMENT}/flags/${key}`, configuration)).revision;
}

/** The revisions of ten changes after one. */
export async function revisionsAfter(server: ServerProcess, revision: number): Promise<readonly number[]> {
  const path = `${ENVIRONMENT}/revisions?after=${revision}&limit=10`;
  const { items } = await ask<{ readonly items: readonly { readonly revision: number }[] }>(
    server,
    'GET',
    path,
  );
  return items.map((change) => change.revision);
}

/** How many streams a server has opened in a way. */
export async function streamsOpened(server: ServerProcess, mode: 'none' | 'delta' | 'full'): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const line = text
    .split('\n')
    .find((each) => each.startsWith(`dimmer_streams_opened_total{mode="${mode}"}`));
  return Number(line?.split(' ').at(-1));
}

async function explain(server: ServerProcess, key: string, context: object): Promise<object> {
  const path = `${ENVIRONMENT}/flags/${key}/explain`;
  const { evaluation } = await ask<{
    evaluation: { value: unknown; variation: string | null; reason: string };
  }>(server, 'POST', path, { context });
  const { value, variation, reason } = evaluation;
  return { value, variation, reason };
}
