import type { StateView } from '@dimmer/schema/rest';
import type { EnvironmentState, ProjectState } from '../environments/environment.ts';
import { editableView, killView } from '../flags/configuration-views.ts';
import type { EnvironmentFlag, Flag } from '../flags/flag.ts';
import { flagProperties } from '../flags/flag-views.ts';
import type { Segment } from '../segments/segment.ts';

/**
 * An environment as it can be declared: every flag of the project, archived ones too, and its place here.
 *
 * @example stateView(state, environment) // { revision: 812, flags: [{ key: 'checkout-v2', ... }], segments: [] }
 */
export function stateView(state: ProjectState, { revision, flags, segments }: EnvironmentState): StateView {
  return {
    revision,
    flags: [...state.flags.values()].sort(byKey).map((flag) => flagState(flag, flags.get(flag.key))),
    segments: [...segments.values()].map(({ segment }) => segmentState(segment)).sort(byKey),
  };
}

function flagState(flag: Flag, place: EnvironmentFlag | undefined): StateView['flags'][number] {
  return {
    ...flagProperties(flag),
    archived: flag.archivedAt !== null,
    configuration:
      place === undefined ? null : { ...editableView(place.configuration), kill: killView(place.kill) },
  };
}

function segmentState(segment: Segment): StateView['segments'][number] {
  const { tags, included, excluded } = segment;
  return { ...segment, tags: [...tags], included: [...included], excluded: [...excluded] };
}

function byKey(left: { readonly key: string }, right: { readonly key: string }): number {
  return left.key < right.key ? -1 : 1;
}
