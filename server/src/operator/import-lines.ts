import type {
  CommitView,
  EnvironmentView,
  ExportedEnvironment,
  ExportedProject,
  ProjectView,
} from '@dimmer/schema/rest';
import { count, countOf } from './count.ts';
import { differenceLines } from './difference-lines.ts';

/** One environment of the file, and what is there. */
export interface ImportTarget {
  readonly project: ExportedProject;
  readonly environment: ExportedEnvironment;
  /** Where in the file it is. */
  readonly path: string;
  readonly projectThere: ProjectView | undefined;
  readonly environmentThere: EnvironmentView | undefined;
}

/** What an import would do to one environment; without an answer the environment is yet to be made. */
export interface Imported {
  readonly target: ImportTarget;
  readonly answer: CommitView | undefined;
}

/** What to do where an import got no answer, or ended early. */
export const AGAIN = 'Run the same import again: what is as in the file already does not change.';

/** @example placeOf(target) // 'default/production' */
export function placeOf({ project, environment }: ImportTarget): string {
  return `${project.key}/${environment.key}`;
}

/** Flags and segments that are served now and not in the file; what the file says is archived is meant to go. */
export function leavingIn({ project }: ImportTarget, answer: CommitView | undefined): string[] {
  const archived = new Set(project.flags.filter((flag) => flag.archived).map(({ key }) => key));
  return (answer?.objects ?? [])
    .filter(({ kind, key, after }) => after === null && !(kind === 'flag' && archived.has(key)))
    .map(({ kind, key }) => `${kind} ${key}`);
}

/** What an import did to one environment. */
export function writtenLine(target: ImportTarget, { changed, revision, objects }: CommitView): string {
  const place = placeOf(target);
  if (!changed) return `${place} is as in the file already, at revision ${revision}.`;
  if (objects.length === 0) return `${place}: names and other facts changed that SDKs do not get.`;
  return `${place}: revision ${revision}, ${countOf(objects.length, 'object')} changed.`;
}

/** What an import would do to one environment. */
export function triedLines({ target, answer }: Imported): string[] {
  const { project, environment } = target;
  const place = placeOf(target);
  if (answer === undefined) {
    const sizes = [
      `${count(environment.configurations.length)} of ${count(project.flags.length)} flags`,
      `${count(environment.segments.length)} segments`,
    ];
    return [`${place} would be made, with ${sizes.join(' and ')}.`, ''];
  }
  const facts = factLines(target);
  if (!answer.changed && facts.length === 0) {
    return [`${place} is as in the file already, at revision ${answer.revision}.`, ''];
  }
  const leaving = leavingIn(target, answer).length;
  return [
    `${place} would change in ${countOf(answer.objects.length, 'object')}. Nothing was written.`,
    ...[...facts, ...differenceLines(answer.objects)].map((line) => `  ${line}`),
    ...(leaving > 0 ? [`  ${count(leaving)} would leave the environment, which takes --replace.`] : []),
    '',
  ];
}

/** What a person needs to know of an import that ended early. */
export function fateOf(written: readonly Imported[], targets: readonly ImportTarget[]): string[] {
  const changed = written.filter(({ answer }) => answer?.changed === true).map(({ target }) => target);
  const open = targets.slice(written.length);
  return [
    changed.length === 0
      ? 'No flag and no segment was changed before that.'
      : `Written before that, each whole: ${changed.map(placeOf).join(', ')}.`,
    `Not as in the file, or not known to be: ${open.map(placeOf).join(', ')}.`,
    AGAIN,
  ];
}

/** What `--json` prints of one environment. */
export function reportOf({ target, answer }: Imported): object {
  const { project, environment } = target;
  return { project: project.key, environment: environment.key, ...(answer ?? { isNew: true }) };
}

/** What differs in the project and the environment themselves. */
function factLines({ project, environment, projectThere, environmentThere }: ImportTarget): string[] {
  const facts = [
    ['project name', projectThere?.name, project.name],
    ['project description', projectThere?.description, project.description],
    ['name', environmentThere?.name, environment.name],
    ['secureMode', environmentThere?.secureMode, environment.secureMode],
  ] as const;
  return facts
    .filter(([, before, after]) => before !== after)
    .map(([fact, before, after]) => `${fact}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`);
}
