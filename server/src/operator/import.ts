import type { CommitView, EnvironmentView, ExportedProject, ProjectView } from '@dimmer/schema/rest';
import { CommandFailure } from './command-failure.ts';
import { count } from './count.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { declarationOf, exportFileIn } from './export-file.ts';
import type { Imported, ImportTarget } from './import-lines.ts';
import { AGAIN, fateOf, leavingIn, placeOf, reportOf, triedLines, writtenLine } from './import-lines.ts';
import { readPages } from './read-pages.ts';
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

async function findTargets(session: Session, projects: readonly ExportedProject[]): Promise<ImportTarget[]> {
  const { api } = session;
  const there = await readPages<ProjectView>(api, 'api/v1/projects');
  const targets: ImportTarget[] = [];
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

async function tryAll(
  session: Session,
  targets: readonly ImportTarget[],
  input: ImportInput,
): Promise<readonly Imported[]> {
  const tried: Imported[] = [];
  for (const target of targets) {
    const isThere = target.environmentThere !== undefined;
    const answer = isThere ? await declare(session, target, input, '?dryRun=true') : undefined;
    tried.push({ target, answer });
  }
  return tried;
}

async function declare(
  { api }: Session,
  target: ImportTarget,
  { includeKills }: ImportInput,
  query: '' | '?dryRun=true',
): Promise<CommitView> {
  const { project, environment, path } = target;
  const body = declarationOf(project, environment, includeKills ? 'replace' : 'add');
  try {
    return await api.put<CommitView>(`${pathOf(target)}/state${query}`, body, {
      what: `the import of ${placeOf(target)}`,
      next: [AGAIN],
    });
  } catch (cause) {
    if (!(cause instanceof CommandFailure)) throw cause;
    const place = `This is about ${placeOf(target)}: ${path} of the file, with the flags of its project.`;
    throw new CommandFailure(cause.exitCode, [cause.message, place], cause.problem);
  }
}

/** A file that lacks something must not pass for a wish to be rid of it. */
function refuseToRemove(tried: readonly Imported[], { replace }: ImportInput): void {
  const leaving = tried.flatMap(({ target, answer }) =>
    leavingIn(target, answer).map((name) => `  ${placeOf(target)}: ${name}`),
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

/**
 * Makes what is missing first, then tries what could not be tried before, then declares: a state that the server would
 * refuse leaves all others as they are.
 */
async function writeAll(
  session: Session,
  targets: readonly ImportTarget[],
  input: ImportInput,
): Promise<ExitCode> {
  const { terminal, isJson } = session;
  const written: Imported[] = [];
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

async function makeProjects(session: Session, targets: readonly ImportTarget[]): Promise<void> {
  const made = new Set<string>();
  for (const target of targets) {
    if (!made.has(target.project.key)) await makeProject(session, target);
    made.add(target.project.key);
  }
}

/** Makes the project, or gives it the name that the file has. */
async function makeProject({ api }: Session, { project, projectThere: there }: ImportTarget): Promise<void> {
  const { key, name, description } = project;
  const words = { what: `the project ${key}`, next: [AGAIN] };
  if (there === undefined) await api.post('api/v1/projects', { key, name, description }, words);
  else if (there.name !== name || there.description !== description) {
    await api.patch(projectPath(key), { name, description }, words);
  }
}

/** Makes the environment, which a new project may have from the start, and gives it what the file says. */
async function makeEnvironment(session: Session, target: ImportTarget): Promise<void> {
  const { api } = session;
  const { project, environment, projectThere } = target;
  const { key, name, secureMode } = environment;
  const path = `${projectPath(project.key)}/environments`;
  const words = { what: `the environment ${placeOf(target)}`, next: [AGAIN] };
  const known =
    projectThere === undefined
      ? (await readPages<EnvironmentView>(api, path)).find((view) => view.key === key)
      : target.environmentThere;
  const there = known ?? (await api.post<EnvironmentView>(path, { key, name }, words));
  if (there.name !== name || there.secureMode !== secureMode) {
    await api.patch(pathOf(target), { name, secureMode }, words);
  }
}

function pathOf({ project, environment }: ImportTarget): string {
  return environmentPath({ project: project.key, environment: environment.key });
}
