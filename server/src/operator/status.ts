import type {
  ChangeView,
  ConfigurationView,
  ExposuresView,
  HeldKillsView,
  ReceiptView,
} from '@dimmer/schema/rest';
import { changeLine } from './change-lines.ts';
import { CommandFailure } from './command-failure.ts';
import { count } from './count.ts';
import type { ExitCode } from './exit-code.ts';
import { EXIT } from './exit-code.ts';
import { historyPath } from './history.ts';
import { localTime } from './local-time.ts';
import { receiptSummary } from './receipt-lines.ts';
import { environmentPath } from './rest-client.ts';
import type { Session } from './session.ts';
import { answer } from './session.ts';
import { cut, LINE_WIDTH, oneLine } from './table.ts';
import type { Paint } from './terminal.ts';

/** How far back `dimmer status` looks at what was served, in minutes. */
const SERVED_MINUTES = 5;

/** What `dimmer status --json` prints: the answers of five routes, by name. */
export interface FlagStatus {
  readonly configuration: ConfigurationView;
  /** The last change of the flag; `null` where the history no longer has it. */
  readonly change: ChangeView | null;
  /** Who is where the environment is; `null` where the history no longer has that revision. */
  readonly receipt: ReceiptView | null;
  readonly exposures: ExposuresView;
  /** The kill that the server holds while the database is away; `null`: none. */
  readonly held: HeldKill | null;
}

type HeldKill = HeldKillsView['items'][number] & Pick<HeldKillsView, 'server'>;

/** Shows how a flag stands: configuration, kill, last change, instances, and what it served of late. */
export async function status(session: Session, flag: string): Promise<ExitCode> {
  const { api, settings, terminal } = session;
  const environment = environmentPath(settings);
  const path = `${environment}/flags/${encodeURIComponent(flag)}`;
  const held = await heldKill(session, flag);
  const configuration = await api.get<ConfigurationView>(path).catch((cause: unknown) => {
    // The database is away: what this server holds is all that can be told.
    if (held !== null && !session.isJson)
      for (const line of heldLines(held, terminal.paint)) terminal.out(line);
    throw cause;
  });
  const [changes, receipt, exposures] = await Promise.all([
    api.get<{ readonly items: readonly ChangeView[] }>(historyPath(environment, { flag, limit: 1 })),
    api.get<ReceiptView>(`${environment}/revisions/${configuration.revision}/receipt`).catch(nullIfPruned),
    api.get<ExposuresView>(`${path}/exposures?minutes=${SERVED_MINUTES}`),
  ]);
  const shown = { configuration, change: changes.items[0] ?? null, receipt, exposures, held };
  answer(session, shown, () => statusLines(shown, settings.project, terminal.paint));
  return EXIT.done;
}

function statusLines(
  { configuration, change, receipt, exposures, held }: FlagStatus,
  project: string,
  paint: Paint,
): string[] {
  const { flag, environment, revision } = configuration;
  return [
    paint('strong', `${flag} in ${project}/${environment}, revision ${revision}`),
    '',
    ...(held === null ? [] : heldLines(held, paint)),
    ...configurationRows(configuration, paint).map(labelled),
    labelled(['changed', changeText(configuration.version, change)]),
    labelled([
      'instances',
      receipt === null ? 'not known' : `revision ${revision}: ${receiptSummary(receipt)}`,
    ]),
    ...servedLines(exposures),
  ];
}

/** What the server holds of the flag. One of a version without held kills holds none. */
async function heldKill({ api, settings }: Session, flag: string): Promise<HeldKill | null> {
  const path = `${environmentPath(settings)}/held-kills`;
  const view = await api.get<HeldKillsView>(path).catch((cause: unknown) => {
    if (cause instanceof CommandFailure && cause.problem?.code === 'ROUTE_NOT_FOUND') return undefined;
    throw cause;
  });
  const item = view?.items.find((one) => one.flag === flag);
  return view === undefined || item === undefined ? null : { ...item, server: view.server };
}

function heldLines({ server, ...kill }: HeldKill, paint: Paint): string[] {
  return [
    labelled(['held', paint('bad', 'KILLED') + killText(kill)]),
    labelled(['', `by ${server}, which commits it when the database is back`]),
  ];
}

type Row = readonly [label: string, text: string];

const LABEL_WIDTH = 14;

function labelled([label, text]: Row): string {
  return `${label.padEnd(LABEL_WIDTH)}${text}`;
}

function configurationRows(configuration: ConfigurationView, paint: Paint): Row[] {
  const { kill, enabled, offVariation, prerequisites, targets, rules, fallthrough } = configuration;
  const off = offVariation ?? "the code's fallback";
  return [
    ['killed', kill === null ? 'no' : paint('bad', 'YES') + killText(kill)],
    ['enabled', enabled ? 'yes' : `no: serves ${off}`],
    ['off', off],
    ...prerequisites.map(({ flag, variation }): Row => ['requires', `${flag} = ${variation}`]),
    ...targets.map(
      ({ variation, values }): Row => ['target', `${count(values.length)} named -> ${variation}`],
    ),
    ...rules.map(({ id, serve }): Row => ['rule', `${id} -> ${serveText(serve)}`]),
    ['otherwise', serveText(fallthrough)],
  ];
}

function killText({ by, at, reason, expiresAt }: KillText): string {
  const until = expiresAt === undefined ? '' : `, until ${localTime(expiresAt)}`;
  return cut(` since ${localTime(at)} by "${by}"${until}: ${oneLine(reason)}`, LINE_WIDTH - LABEL_WIDTH - 3);
}

type KillText = Pick<NonNullable<ConfigurationView['kill']>, 'by' | 'at' | 'reason' | 'expiresAt'>;

/** @example serveText({ rollout: { weights: { on: 10, off: 90 } } }) // 'on 10 %, off 90 %' */
function serveText(serve: ConfigurationView['fallthrough']): string {
  if ('variation' in serve) return serve.variation;
  const shares = Object.entries(serve.rollout.weights).map(
    ([variation, weight]) => `${variation} ${weight} %`,
  );
  return shares.join(', ');
}

function changeText(version: number, change: ChangeView | null): string {
  if (change === null) return `revision ${version}; the history no longer has it`;
  const when = `${localTime(change.at)} (revision ${change.revision}): `;
  return when + changeLine(change, LINE_WIDTH - LABEL_WIDTH - when.length);
}

function servedLines({ totals }: ExposuresView): string[] {
  const title = 'served';
  if (totals.length === 0) {
    return [labelled([title, `nothing in the last ${SERVED_MINUTES} minutes, as far as SDKs have told`])];
  }
  const sum = totals.reduce((all, total) => all + total.count, 0);
  const shares = [...totals]
    .sort((one, other) => other.count - one.count)
    .map(({ variation, reason, count: times }): Row => {
      const share = `${((100 * times) / sum).toFixed(1)} %`.padStart(7);
      return ['', `${count(times).padStart(11)} ${share}  ${variation ?? "the code's fallback"} (${reason})`];
    });
  return [labelled([title, `in the last ${SERVED_MINUTES} minutes:`]), ...shares.map(labelled)];
}

function nullIfPruned(cause: unknown): null {
  if (cause instanceof CommandFailure && cause.problem?.code === 'REVISION_NOT_FOUND') return null;
  throw cause;
}
