import type { SegmentView } from '@dimmer/schema/rest';
import type { EnvironmentState } from '../environments/environment.ts';
import type { EnvironmentSegment } from './segment.ts';

/** @example segmentView(environment, place) // { key: 'beta', environment: 'production', ... } */
export function segmentView(
  { environment, revision }: EnvironmentState,
  { segment, version }: EnvironmentSegment,
): SegmentView {
  return {
    key: segment.key,
    environment: environment.key,
    name: segment.name,
    description: segment.description,
    tags: [...segment.tags],
    by: segment.by,
    included: [...segment.included],
    excluded: [...segment.excluded],
    when: segment.when,
    version,
    revision,
  };
}
