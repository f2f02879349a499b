import type {
  CommitView,
  EnvironmentView,
  ExportedEnvironment,
  ExportedProject,
  ProjectView,
} from '@dimmer/schema/rest';
import { CommandFailure } from './command-failure.ts';
import { differenceLines } from './difference-lines.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { declarationOf, exportFileIn } from './export-file.ts';
import { readPages } from './read-pages.ts';
import { count } from './receipt-lines.ts';
import { environmentPath, projectPath } from './rest-client.ts';
import type { Session } from './session.ts';

/** What `dimmer import` was asked. */
export interface ImportInput {
  /** What the file is called, for messages. */
  readonly name: string;
  readonly text: string;
  readonly dryRun: boolean;
  /** Flags and segments that the file does not have leave the environments. */
  readonly replace: boolean;
  /** Kills become exactly those of the file: others are lifted. */
  readonly includeKills: boolean;
}

/** One environment of the file, and what is there. */
interface Target {
  readonly project: ExportedProject;
  readonly environment: ExportedEnvironment;
  /** Where in the file it is. */
  readonly path: string;
  readonly projectThere: ProjectView | undefined;
  readonly environmentThere: EnvironmentView | undefined;
}

/** Makes what a file of `dimmer export` holds. Everything is tried as a dry run before the first write. */
export async function importProjects(session: Session, input: ImportInput): Promise<ExitCode> {
  const read = exportFileIn(input.text);
  if ('fault' in read) {
    throw new CommandFailure(EXIT.usage, [
      `${input.name} cannot be imported. ${read.fault}`,
      'Nothing was sent.',
    ]);
  }
  const targets = await findTargets(session, read.file.projects);
  const tried = await tryAll(session, targets, input);
  if (!input.dryRun) {
    refuseToRemove(tried, input);
    return writeAll(session, targets, input);
  }
  if (session.isJson) session.terminal.out(JSON.stringify(tried.map(reportOf), undefined, 2));
  else for (const line of tried.flatMap(triedLines)) session.terminal.out(line);
  return EXIT.done;
}

async function findTargets(session: Session, projects: readonly ExportedProject[]): Promise<Target[]> {
  const { api } = session;
  const there = await readPages<ProjectView>(api, 'api/v1/projects');
  const targets: Target[] = [];
  for (const [p, project] of projects.entries()) {
    const projectThere = there.find(({ key }) => key === project.key);
    const environments =
      projectThere === undefined
        ? []
        : await readPages<EnvironmentView>(api, `${projectPath(project.key)}/environments`);
    for (const [e, environment] of project.environments.entries()) {
      const environmentThere = environments.find(({ key }) => key === environment.key);
      const path = `$.projects[${p}].environments[${e}]`;
      targets.push({ project, environment, path, projectThere, environmentThere });
    }
  }
  return targets;
}

/** What an import would do to one environment; without an answer the environment is yet to be made. */
interface Tried {
  readonly target: Target;
  readonly answer: CommitView | undefined;
}

async function tryAll(
  session: Session,
  targets: readonly Target[],
  input: ImportInput,
): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  for (const target of targets) {
    const isThere = target.environmentThere !== undefined;
    const answer = isThere ? await declare(session, target, input, '?dryRun=true') : undefined;
    tried.push({ target, answer });
  }
  return tried;
}

async function declare(
  { api }: Session,
  target: Target,
  { includeKills }: ImportInput,
  query: '' | '?dryRun=true',
): Promise<CommitView> {
  const { project, environment, path } = target;
  const body = declarationOf(project, environment, includeKills ? 'replace' : 'add');
  try {
    return await api.put<CommitView>(`${pathOf(target)}/state${query}`, body, {
      what: `the import of ${nameOf(target)}`,
      next: [AGAIN],
    });
  } catch (cause) {
    if (!(cause instanceof CommandFailure)) throw cause;
    const place = `This is about ${nameOf(target)}: ${path} of the file, with the flags of its project.`;
    throw new CommandFailure(cause.exitCode, [cause.message, place], cause.problem);
  }
}

/** A file that lacks something must not pass for a wish to be rid of it. */
function refuseToRemove(tried: readonly Tried[], { replace }: ImportInput): void {
  const leaving = tried.flatMap(({ target, answer }) =>
    leavingIn(target, answer).map((name) => `  ${nameOf(target)}: ${name}`),
  );
  if (replace || leaving.length === 0) return;
  throw new CommandFailure(EXIT.failed, [
    `The file does not have ${count(leaving.length)} of what is there, which would leave its environment:`,
    ...leaving.slice(0, LEAVING_SHOWN),
    ...(leaving.length > LEAVING_SHOWN ? [`  and ${count(leaving.length - LEAVING_SHOWN)} more`] : []),
    'Nothing was written. To make the environments exactly as in the file, say so: --replace',
  ]);
}

const LEAVING_SHOWN = 20;

/** Flags and segments that are served now and not in the file; what the file says is archived is meant to go. */
function leavingIn({ project }: Target, answer: CommitView | undefined): string[] {
  const archived = new Set(project.flags.filter((flag) => flag.archived).map(({ key }) => key));
  return (answer?.objects ?? [])
    .filter(({ kind, key, after }) => after === null && !(kind === 'flag' && archived.has(key)))
    .map(({ kind, key }) => `${kind} ${key}`);
}

/**
 * Makes what is missing first, then tries what could not be tried before, then declares: a state that the server would
 * refuse leaves all others as they are.
 */
async function writeAll(session: Session, targets: readonly Target[], input: ImportInput): Promise<ExitCode> {
  const { terminal, isJson } = session;
  const written: Tried[] = [];
  try {
    await makeProjects(session, targets);
    for (const target of targets) await makeEnvironment(session, target);
    for (const target of targets) {
      if (target.environmentThere === undefined) await declare(session, target, input, '?dryRun=true');
    }
    for (const target of targets) {
      const answer = await declare(session, target, input, '');
      written.push({ target, answer });
      if (!isJson) terminal.out(writtenLine(target, answer));
      for (const { flag, message } of answer.warnings) terminal.note(`Warning: ${flag}: ${message}`);
    }
  } catch (cause) {
    if (!(cause instanceof CommandFailure)) throw cause;
    throw new CommandFailure(cause.exitCode, [cause.message, ...fateOf(written, targets)], cause.problem);
  }
  if (isJson) terminal.out(JSON.stringify(written.map(reportOf), undefined, 2));
  if (targets.some(({ environment }) => environment.history !== undefined)) {
    terminal.note('The history in the file was not imported: it is there to be read.');
  }
  return EXIT.done;
}

async function makeProjects(session: Session, targets: readonly Target[]): Promise<void> {
  const made = new Set<string>();
  for (const target of targets) {
    if (!made.has(target.project.key)) await makeProject(session, target);
    made.add(target.project.key);
  }
}

/** Makes the project, or gives it the name that the file has. */
async function makeProject({ api }: Session, { project, projectThere: there }: Target): Promise<void> {
  const { key, name, description } = project;
  const words = { what: `the project ${key}`, next: [AGAIN] };
  if (there === undefined) await api.post('api/v1/projects', { key, name, description }, words);
  else if (there.name !== name || there.description !== description) {
    await api.patch(projectPath(key), { name, description }, words);
  }
}

/** Makes the environment, which a new project may have from the start, and gives it what the file says. */
async function makeEnvironment(session: Session, target: Target): Promise<void> {
  const { api } = session;
  const { project, environment, projectThere } = target;
  const { key, name, secureMode } = environment;
  const path = `${projectPath(project.key)}/environments`;
  const words = { what: `the environment ${nameOf(target)}`, next: [AGAIN] };
  const known =
    projectThere === undefined
      ? (await readPages<EnvironmentView>(api, path)).find((view) => view.key === key)
      : target.environmentThere;
  const there = known ?? (await api.post<EnvironmentView>(path, { key, name }, words));
  if (there.name !== name || there.secureMode !== secureMode) {
    await api.patch(pathOf(target), { name, secureMode }, words);
  }
}

const AGAIN = 'Run the same import again: what is as in the file already does not change.';

/** What a person needs to know of an import that ended early. */
function fateOf(written: readonly Tried[], targets: readonly Target[]): string[] {
  const changed = written.filter(({ answer }) => answer?.changed === true).map(({ target }) => target);
  const open = targets.slice(written.length);
  return [
    changed.length === 0
      ? 'No flag and no segment was changed before that.'
      : `Written before that, each whole: ${changed.map(nameOf).join(', ')}.`,
    `Not as in the file, or not known to be: ${open.map(nameOf).join(', ')}.`,
    AGAIN,
  ];
}

function writtenLine(target: Target, { changed, revision, objects }: CommitView): string {
  const place = nameOf(target);
  if (!changed) return `${place} is as in the file already, at revision ${revision}.`;
  if (objects.length === 0) return `${place}: names and other facts changed that SDKs do not get.`;
  return `${place}: revision ${revision}, ${objectsIn(objects)} changed.`;
}

function triedLines({ target, answer }: Tried): string[] {
  const { project, environment } = target;
  const place = nameOf(target);
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
    `${place} would change in ${objectsIn(answer.objects)}. Nothing was written.`,
    ...[...facts, ...differenceLines(answer.objects)].map((line) => `  ${line}`),
    ...(leaving > 0 ? [`  ${count(leaving)} would leave the environment, which takes --replace.`] : []),
    '',
  ];
}

function objectsIn({ length }: CommitView['objects']): string {
  return length === 1 ? '1 object' : `${count(length)} objects`;
}

/** What differs in the project and the environment themselves. */
function factLines({ project, environment, projectThere, environmentThere }: Target): string[] {
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

function reportOf({ target, answer }: Tried): object {
  const { project, environment } = target;
  return { project: project.key, environment: environment.key, ...(answer ?? { isNew: true }) };
}

function nameOf({ project, environment }: Target): string {
  return `${project.key}/${environment.key}`;
}

function pathOf({ project, environment }: Target): string {
  return environmentPath({ project: project.key, environment: environment.key });
}
