import { readFileSync } from 'node:fs';
import type { Evaluation, EvaluationContext, JsonValue, WireObject } from '@dimmer/schema';
import { expect, test } from 'vitest';
import { Dimmer } from './client.ts';
import { snapshotDocument } from './stream-server.fixture.ts';

interface EvaluationGroup {
  readonly rule: string;
  readonly title: string;
  readonly objects: readonly WireObject[];
  readonly cases: readonly {
    readonly flag: string;
    readonly context: EvaluationContext;
    readonly expected: Evaluation;
  }[];
}

const key = `dim_srv_${'a'.repeat(32)}`;
const path = new URL('../../schema/vectors/evaluation.json', import.meta.url);
const { groups } = JSON.parse(readFileSync(path, 'utf8')) as { readonly groups: readonly EvaluationGroup[] };

for (const { rule, title, objects, cases } of groups) {
  test(`[${rule}] through the SDK: ${title}`, async () => {
    const flags = new Dimmer({
      url: 'http://127.0.0.1:1',
      key,
      cache: false,
      fetch: () => new Promise(() => undefined),
      bootstrap: snapshotDocument(99, objects),
    });
    for (const { flag, context, expected } of cases) {
      const fallback: JsonValue = expected.value === undefined ? 'no value' : expected.value;
      const { ageMs: _ageMs, source: _source, ...detail } = flags.detail(flag, context, fallback);
      expect(detail, `${flag} for ${JSON.stringify(context)}`).toEqual({ ...expected, value: fallback });
    }
    await flags.close();
  });
}
