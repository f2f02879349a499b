import type { EnvironmentFlag, Flag } from '../flags/flag.ts';
import type { EnvironmentSegment } from '../segments/segment.ts';

export interface Project {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Counts edits of the project itself, from 1. */
  readonly version: number;
}

/** Names one environment everywhere. */
export interface EnvironmentRef {
  readonly project: string;
  readonly environment: string;
}

/** An environment's name as one word, for maps and sets: keys hold no slash. */
export function nameOf({ project, environment }: EnvironmentRef): string {
  return `${project}/${environment}`;
}

export interface Environment {
  readonly key: string;
  readonly name: string;
  /** Random word; revisions compare only inside one epoch. */
  readonly epoch: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Whether client keys are answered only for contexts that a server key has signed. */
  readonly secureMode: boolean;
}

/** One environment at one revision. Immutable. */
export interface EnvironmentState {
  readonly environment: Environment;
  readonly revision: number;
  /** Oldest revision that diff, revert and resume can reach. */
  readonly historyFloor: number;
  /** By flag key. A flag without an entry is not served here. Entries of archived flags stay, unserved. */
  readonly flags: ReadonlyMap<string, EnvironmentFlag>;
  /** By segment key. */
  readonly segments: ReadonlyMap<string, EnvironmentSegment>;
}

/** A project with everything in it, at one moment. Immutable: edits make a new one that shares what stays. */
export interface ProjectState {
  readonly project: Project;
  /** By flag key, archived ones too. */
  readonly flags: ReadonlyMap<string, Flag>;
  /** By environment key, in order of creation. */
  readonly environments: ReadonlyMap<string, EnvironmentState>;
}
