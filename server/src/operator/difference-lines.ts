import type { JsonValue } from '@dimmer/schema';
import type { ChangeView } from '@dimmer/schema/rest';
import { cut } from './table.ts';

/** Characters of a value that a line shows. */
const VALUE_WIDTH = 48;

/**
 * What differs between two states of objects, a line per value.
 *
 * @example
 * differenceLines(commit.objects) // ['flag checkout-v2', '  fallthrough.rollout.weights.on: 50 -> 10']
 */
export function differenceLines(objects: ChangeView['objects']): string[] {
  return objects.flatMap(({ kind, key, before, after }) => {
    if (before === null) return [`${kind} ${key}: comes into the environment`];
    if (after === null) return [`${kind} ${key}: leaves the environment`];
    return [`${kind} ${key}`, ...differences('', before, after).map((line) => `  ${line}`)];
  });
}

function differences(path: string, before: JsonValue | undefined, after: JsonValue | undefined): string[] {
  const [left, right] = [membersOf(before), membersOf(after)];
  if (left === undefined || right === undefined) {
    const [was, is] = [textOf(before), textOf(after)];
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [`${path}: ${was} -> ${is}`];
  }
  const names = new Set([...left.keys(), ...right.keys()]);
  return [...names].flatMap((name) =>
    differences(path === '' ? name : `${path}.${name}`, left.get(name), right.get(name)),
  );
}

/** The members of an object, or of a list whose items have ids: rules are told apart by them, not by place. */
function membersOf(value: JsonValue | undefined): ReadonlyMap<string, JsonValue> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  const entries = value.flatMap((item): [string, JsonValue][] => {
    const id = typeof item === 'object' && item !== null && 'id' in item ? item['id'] : undefined;
    return typeof id === 'string' ? [[id, item]] : [];
  });
  return entries.length === value.length ? new Map(entries) : undefined;
}

function textOf(value: JsonValue | undefined): string {
  return value === undefined ? 'none' : cut(JSON.stringify(value), VALUE_WIDTH);
}
