import { PROBLEMS } from '@dimmer/schema';
import { PERMISSIONS } from '@dimmer/server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RestHarness } from './rest-harness.ts';
import { openRest } from './rest-harness.ts';

let rest: RestHarness;
// biome-ignore lint/suspicious/noExplicitAny: the tests are what checks the form of the document.
let document: any;
beforeAll(async () => {
  rest = await openRest();
  document = (await rest.ask('GET /openapi.json', { key: '' })).body;
});
afterAll(() => rest.close());

interface Documented {
  readonly content: object;
  readonly description: string;
}

const operations = (): {
  route: string;
  operation: Record<string, unknown> & { responses: Record<string, Documented> };
}[] =>
  Object.entries<Record<string, never>>(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      route: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );

test('[A70] the document is OpenAPI 3.1 and needs no key', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.info).toMatchObject({ title: 'Dimmer', version: '0.0.0-test' });
  expect(document.components.securitySchemes.adminKey).toMatchObject({ type: 'http', scheme: 'bearer' });
});

test('[A70] it has every route of the API and nothing else', () => {
  expect(new Set(operations().map(({ route }) => route))).toEqual(new Set(PERMISSIONS.keys()));
});

test('[A70] every reference leads to a component', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
  const names = new Set(references.map(([, name]) => name));
  expect(names.size).toBeGreaterThan(30);
  for (const name of names) expect(document.components.schemas).toHaveProperty([String(name)]);
});

test('[A70] every operation has a name of its own, a summary, a chapter and a key', () => {
  const names = operations().map(({ operation }) => operation['operationId']);
  expect(new Set(names).size).toBe(names.length);
  for (const { operation } of operations()) {
    expect(operation).toMatchObject({
      summary: expect.stringMatching(/\.$/),
      tags: [expect.any(String)],
      security: [{ adminKey: [] }],
    });
  }
});

test('[A71] every operation documents its success and the problems that any route may answer with', () => {
  for (const { route, operation } of operations()) {
    const statuses = Object.keys(operation.responses);
    expect([route, statuses]).toEqual([route, expect.arrayContaining(['400', '401', '403', '500', '503'])]);
    expect([route, statuses.some((status) => status.startsWith('2'))]).toEqual([route, true]);
  }
});

test('[A71] every documented problem has a body of the form of a problem and names its codes', () => {
  for (const { operation } of operations()) {
    for (const [status, response] of Object.entries(operation.responses)) {
      if (Number(status) < 400) continue;
      const { content, description } = response;
      expect(content).toEqual({
        'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
      });
      for (const [, code = ''] of description.matchAll(/`([A-Z_]+)`:/g)) {
        expect(PROBLEMS).toHaveProperty(code, expect.objectContaining({ status: Number(status) }));
      }
    }
  }
});

test('[A70] path parameters are declared, and bodies are required', () => {
  for (const { route, operation } of operations()) {
    const names = [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = ((operation['parameters'] ?? []) as { in: string; name: string; required: boolean }[])
      .filter((parameter) => parameter.in === 'path' && parameter.required)
      .map(({ name }) => name);
    expect([route, declared]).toEqual([route, names]);
    const body = operation['requestBody'] as { required: boolean } | undefined;
    expect([route, body?.required ?? true]).toEqual([route, true]);
  }
});
