import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { conformanceData } from './conformance-data.ts';

/** Judges answers by the protocol's own description. */
export interface OfrepDescription {
  /** @returns What is wrong with a body; `undefined`: nothing. */
  faultsOf(
    path: '/ofrep/v1/evaluate/flags' | '/ofrep/v1/evaluate/flags/{key}',
    status: number,
    body: unknown,
  ): string | undefined;
  /** The same for the data of an event. */
  faultsOfEvent(data: unknown): string | undefined;
}

/** @returns `undefined` where the description is not on this machine. */
export function loadOfrepDescription(): OfrepDescription | undefined {
  const path = conformanceData('ofrep/openapi-0.3.0.yaml');
  if (path === undefined) return undefined;
  const description = mend(parse(readFileSync(path, 'utf8')));
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(description, 'ofrep');
  const judge = (pointer: string, value: unknown): string | undefined => {
    const validate = ajv.getSchema(`ofrep#${pointer}`);
    if (validate === undefined) throw new Error(`the description has nothing at ${pointer}`);
    return validate(value) ? undefined : ajv.errorsText(validate.errors);
  };
  return {
    faultsOf: (route, status, body) => {
      const operation = description.paths[route]?.['post'];
      const answer = operation?.responses[String(status)];
      if (answer === undefined) return `the description has no status ${status}`;
      if (answer.content === undefined) return undefined;
      const place = `/paths/${pointerPart(route)}/post/responses/${status}/content/application~1json/schema`;
      return judge(place.replaceAll('{', '%7B').replaceAll('}', '%7D'), body);
    },
    faultsOfEvent: (data) => judge('/components/schemas/sseEventData', data),
  };
}

interface Description {
  readonly paths: Record<string, Record<string, { responses: Record<string, { content?: unknown }> }>>;
  // biome-ignore lint/suspicious/noExplicitAny: it is mended below, place by place.
  readonly components: any;
}

/**
 * As published, `oneOf` refuses every boolean, string and number, since the branch of the code's default matches
 * all of them. It has no reason DEFAULT, and no FLAG_NOT_FOUND in bulk, though its own example shows one. And it
 * lets null through, which providers take for a value of a wrong type.
 */
function mend(description: Description): Description {
  const { schemas } = description.components;
  const [facts, values] = schemas.evaluationSuccess.allOf;
  schemas.evaluationSuccess.allOf = [facts, { anyOf: values.oneOf }];
  facts.properties.value = { not: { type: 'null' } };
  facts.properties.reason.enum.push('DEFAULT');
  schemas.evaluationFailure.properties.errorCode.enum.push('FLAG_NOT_FOUND');
  const { items } = schemas.bulkEvaluationSuccess.properties.flags;
  schemas.bulkEvaluationSuccess.properties.flags.items = { anyOf: items.oneOf };
  return description;
}

function pointerPart(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}
