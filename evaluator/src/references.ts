import type { FlagDefinition, SegmentDefinition } from '@dimmer/schema';
import { LIMITS } from '@dimmer/schema';
import { isRecord } from './record.ts';

/** Keys of the flags that a flag has as prerequisites, each once. */
export function flagsNamedBy(definition: FlagDefinition): readonly string[] {
  if (definition.prerequisites.length === 0) return NONE;
  const keys = new Set<string>();
  for (const prerequisite of definition.prerequisites as readonly unknown[]) {
    if (isRecord(prerequisite) && typeof prerequisite['flag'] === 'string') keys.add(prerequisite['flag']);
  }
  return [...keys];
}

/** Keys of the segments that a flag's rules name, each once. */
export function segmentsNamedBy(definition: FlagDefinition): string[] {
  const keys = new Set<string>();
  for (const rule of definition.rules as readonly unknown[]) {
    if (isRecord(rule)) collectSegments(rule['when'], keys, 0);
  }
  return [...keys];
}

/** Keys of the segments that a segment's condition names, each once. */
export function segmentsNamedBySegment(definition: SegmentDefinition): readonly string[] {
  if (definition.when === null) return NONE;
  const keys = new Set<string>();
  collectSegments(definition.when, keys, 0);
  return [...keys];
}

/**
 * Levels of `all`, `any` and `not` in a condition; 0 for a single test.
 *
 * @example conditionDepth({ not: { segment: 'beta' } }) // 1
 */
export function conditionDepth(condition: unknown): number {
  const inner = partsOf(condition);
  return inner === undefined ? 0 : 1 + Math.max(0, ...inner.map(conditionDepth));
}

/** Most flags and segments name none; all changes go through here for every one of them. */
const NONE: readonly string[] = [];

/** Deeper conditions are refused when they are compiled, whatever they name. */
function collectSegments(condition: unknown, keys: Set<string>, depth: number): void {
  if (isRecord(condition) && typeof condition['segment'] === 'string') keys.add(condition['segment']);
  if (depth > LIMITS.conditionDepth * 2) return;
  for (const part of partsOf(condition) ?? []) collectSegments(part, keys, depth + 1);
}

function partsOf(condition: unknown): readonly unknown[] | undefined {
  if (!isRecord(condition)) return undefined;
  const { all, any, not } = condition;
  if (Array.isArray(all)) return all;
  if (Array.isArray(any)) return any;
  return not === undefined ? undefined : [not];
}
