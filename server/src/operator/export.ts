import type {
  ChangeView,
  EnvironmentView,
  ExportedEnvironment,
  ExportedProject,
  ExportFile,
  ProjectView,
  StateView,
} from '@dimmer/schema/rest';
import { CommandFailure } from './command-failure.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { FORMAT, VERSION } from './export-file.ts';
import { readPages } from './read-pages.ts';
import { environmentPath, projectPath } from './rest-client.ts';
import type { Session } from './session.ts';

/** What `dimmer export` was asked. */
export interface ExportInput {
  /** Left out: every project that the key opens. */
  readonly project?: string | undefined;
  readonly history: boolean;
}

/** How often a project is read again whose flags change from one environment to the next. */
const READS_MAX = 5;

/** Writes projects as one JSON document; each environment as it was at one revision. */
export async function exportProjects(session: Session, input: ExportInput): Promise<ExitCode> {
  const { api, clock, settings, terminal } = session;
  const views = await readPages<ProjectView>(api, 'api/v1/projects');
  const wanted = views.filter(({ key }) => input.project === undefined || key === input.project);
  if (input.project !== undefined && wanted.length === 0) {
    throw new CommandFailure(EXIT.failed, [
      `There is no project "${input.project}" that this key opens.`,
      'Leave --project out to export every project that it opens.',
    ]);
  }
  const projects: ExportedProject[] = [];
  const revisions: Record<string, number> = {};
  for (const view of wanted) {
    const read = await readProject(session, view, input.history);
    projects.push(read.project);
    for (const [environment, revision] of read.revisions) revisions[`${view.key}/${environment}`] = revision;
  }
  const exported = { at: new Date(clock.now()).toISOString(), from: settings.url.origin, revisions };
  const file: ExportFile = { format: FORMAT, version: VERSION, exported, projects };
  terminal.out(JSON.stringify(file, undefined, 2));
  const names = projects.map(({ key }) => key).join(', ');
  terminal.note(`Exported ${names}: each environment at one revision, without keys and counts.`);
  return EXIT.done;
}

interface ReadProject {
  readonly project: ExportedProject;
  readonly revisions: ReadonlyMap<string, number>;
}

interface ReadEnvironment {
  readonly view: EnvironmentView;
  readonly state: StateView;
}

async function readProject(session: Session, view: ProjectView, withHistory: boolean): Promise<ReadProject> {
  const { key, name, description } = view;
  for (let reads = 1; reads <= READS_MAX; reads += 1) {
    const environments = await readEnvironments(session, key);
    const flags = flagsOfAll(environments);
    if (flags === undefined) {
      session.terminal.note(`The flags of ${key} changed while they were read. Reading them again.`);
      continue;
    }
    const exported: ExportedEnvironment[] = [];
    for (const read of environments) {
      exported.push(exportedEnvironment(read, withHistory ? await historyOf(session, key, read) : undefined));
    }
    return {
      project: { key, name, description, flags: [...flags], environments: exported },
      revisions: new Map(environments.map(({ view: { key: name }, state }) => [name, state.revision])),
    };
  }
  throw new CommandFailure(EXIT.failed, [
    `The flags of ${key} changed each of the ${READS_MAX} times that they were read, so they fit no one moment.`,
    'Run it again when nobody edits flags, or take a backup: dimmer backup is of one moment whatever happens.',
  ]);
}

async function readEnvironments({ api }: Session, project: string): Promise<readonly ReadEnvironment[]> {
  const views = await readPages<EnvironmentView>(api, `${projectPath(project)}/environments`);
  const read: ReadEnvironment[] = [];
  for (const view of views) {
    const path = environmentPath({ project, environment: view.key });
    read.push({ view, state: await api.get<StateView>(`${path}/state`) });
  }
  return read;
}

/** What flags are in every environment; `undefined` where two environments were read at different moments. */
function flagsOfAll(environments: readonly ReadEnvironment[]): ExportedProject['flags'] | undefined {
  const lists = environments.map(({ state }) => state.flags.map(({ configuration: _, ...flag }) => flag));
  const [first = [], ...others] = lists;
  const text = JSON.stringify(first);
  return others.every((list) => JSON.stringify(list) === text) ? first : undefined;
}

function exportedEnvironment(
  { view, state }: ReadEnvironment,
  history: ChangeView[] | undefined,
): ExportedEnvironment {
  return {
    key: view.key,
    name: view.name,
    secureMode: view.secureMode,
    configurations: state.flags.flatMap(({ key, configuration }) =>
      configuration === null ? [] : [{ flag: key, ...configuration }],
    ),
    segments: state.segments,
    ...(history !== undefined && { history }),
  };
}

/** Up to the revision that is exported, oldest first. */
async function historyOf(
  { api }: Session,
  project: string,
  { view, state }: ReadEnvironment,
): Promise<ChangeView[]> {
  const path = `${environmentPath({ project, environment: view.key })}/revisions`;
  const changes = await readPages<ChangeView>(api, path, { after: '0' });
  return changes.filter(({ revision }) => revision <= state.revision);
}
