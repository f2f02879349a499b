import type { SegmentDefinition } from '@dimmer/schema';
import type { Segment } from './segment.ts';

/**
 * A segment as SDKs receive it.
 *
 * @param version - The environment's revision at which it last changed.
 * @example segmentDefinitionOf(place.segment, place.version)
 */
export function segmentDefinitionOf(segment: Segment, version: number): SegmentDefinition {
  const { key, by, included, excluded, when } = segment;
  return { kind: 'segment', key, version, by, included, excluded, when };
}
