import type { Command } from 'commander';
import type { Clock } from '../platform/clock.ts';
import type { NamedText } from './arguments.ts';
import {
  durationArgument,
  expiryArgument,
  fileArgument,
  historyLimitArgument,
  keyArgument,
  keysArgument,
  pointArgument,
  revisionArgument,
  textArgument,
  urlsArgument,
} from './arguments.ts';
import { breakGlassKill, breakGlassRestore } from './break-glass.ts';
import type { ExitCode } from './exit-code.ts';
import { exitCodeHelp } from './exit-code.ts';
import { exportProjects } from './export.ts';
import { HISTORY_LIMIT, history } from './history.ts';
import { importProjects } from './import.ts';
import { instances } from './instances.ts';
import { kill, killRequest } from './kill.ts';
import { OPERATOR_SETTINGS_HELP } from './operator-settings.ts';
import { receipt } from './receipt.ts';
import { RECEIPT_WAIT_MS } from './receipt-wait.ts';
import { renewEpoch } from './renew-epoch.ts';
import { RETRY_READ_MS, RETRY_WRITE_MS } from './rest-client.ts';
import { restore } from './restore.ts';
import { revert } from './revert.ts';
import type { RunOptions } from './run-command.ts';
import type { Session } from './session.ts';
import { status } from './status.ts';

/** Runs a command: opens its session, and sees to failures and the exit code. */
export type RunCommand = (options: RunOptions, act: (session: Session) => Promise<ExitCode>) => Promise<void>;

/**
 * Adds the commands for operators to the program. They talk REST, and know nothing of the server's inside.
 *
 * @param run - Called with the options of the command that was given.
 */
export function addOperatorCommands(program: Command, clock: Clock, run: RunCommand): void {
  addKill(program, clock, run);
  addRestore(program, run);
  addStatus(program, run);
  addInstances(program, run);
  addReceipt(program, run);
  addRevert(program, run);
  addHistory(program, run);
  addWatch(program, run);
  addRenewEpoch(program, run);
  addExport(program, run);
  addImport(program, run);
}

/** The options of a command that may go to several servers. */
interface GlassOptions extends Omit<RunOptions, 'url'> {
  readonly url?: readonly URL[];
  readonly breakGlass?: true;
}

interface KillOptions extends GlassOptions {
  readonly tag?: string;
  readonly reason?: string;
  readonly expires?: string;
  readonly wait?: number | true;
}

function addKill(program: Command, clock: Clock, run: RunCommand): void {
  const command = glassCommand(program, 'kill', 'Switch flags off, at once and over every rule.')
    .argument('[flag...]', 'flags to kill, in one revision', keysArgument)
    .option('--tag <tag>', 'kill every flag with this tag, beside those named', keyArgument)
    .option('--reason <text>', 'why; kept in the history. Needed', textArgument)
    .option('--expires <duration|time>', 'restore by itself: 2h, or 2026-11-20T18:00', expiryArgument(clock))
    .option('--wait [duration]', WAIT_HELP, durationArgument)
    .option('--break-glass', 'where the database is away, let the server hold it until that is back');
  command.action((flags: readonly string[] | undefined, options: KillOptions) => {
    const { tag, expires: expiresAt, wait, breakGlass, url = [] } = options;
    const reason = reasonOf(command, options);
    if (flags === undefined || flags.length === 0) {
      if (tag === undefined) return command.error('error: name the flags to kill, or give --tag');
    }
    const waitMs = waitMsOf(wait);
    const input = { flags: flags ?? [], tag, reason, expiresAt, waitMs };
    return run(placeOptions(command, options), (session) =>
      breakGlass ? breakGlassKill(session, url, killRequest(input), waitMs) : kill(session, input),
    );
  });
}

function addRestore(program: Command, run: RunCommand): void {
  const command = glassCommand(program, 'restore', 'Lift the kill of a flag. (Backups: restore-backup.)')
    .argument('<flag>', 'the flag', keyArgument)
    .option('--reason <text>', 'why; kept in the history. Needed', textArgument)
    .option('--break-glass', 'lift what the server holds, and nothing that the database has');
  command.action((flag: string, options: GlassOptions & { readonly reason?: string }) => {
    const { breakGlass, url = [] } = options;
    const reason = reasonOf(command, options);
    return run(placeOptions(command, options), (session) =>
      breakGlass ? breakGlassRestore(session, url, flag) : restore(session, { flag, reason }),
    );
  });
}

/** Commander itself would ask for it before it tells of an option with a slip, `--raeson` for one. */
function reasonOf(command: Command, { reason }: { readonly reason?: string }): string {
  return reason ?? command.error("error: required option '--reason <text>' not specified");
}

/** One server, unless the glass is broken: all share one database, so any of them would do. */
function placeOptions(command: Command, { url = [], ...options }: GlassOptions): RunOptions {
  if (url.length > 1 && !options.breakGlass) command.error('error: more than one --url is for --break-glass');
  const [first] = url;
  return { ...options, ...(first !== undefined && { url: first.href }) };
}

function addStatus(program: Command, run: RunCommand): void {
  operatorCommand(program, 'status', 'How a flag stands: configuration, kill, last change, what it served.')
    .argument('<flag>', 'the flag', keyArgument)
    .action((flag: string, options: RunOptions) => run(options, (session) => status(session, flag)));
}

function addInstances(program: Command, run: RunCommand): void {
  operatorCommand(program, 'instances', 'The SDKs that run, with their state and revision.').action(
    (options: RunOptions) => run(options, instances),
  );
}

function addReceipt(program: Command, run: RunCommand): void {
  operatorCommand(program, 'receipt', 'Who has applied a revision, how fast, and who has not.')
    .argument('[revision]', 'left out: where the environment is now', revisionArgument)
    .option('--wait [duration]', WAIT_HELP, durationArgument)
    .action((revision: number | undefined, options: RunOptions & { readonly wait?: number | true }) =>
      run(options, (session) => receipt(session, { revision, waitMs: waitMsOf(options.wait) })),
    );
}

interface RevertOptions extends RunOptions {
  readonly to: number | string;
  readonly flags?: readonly string[];
  readonly dryRun?: true;
  readonly includeKills?: true;
  readonly reason?: string;
}

function addRevert(program: Command, run: RunCommand): void {
  const command = operatorCommand(program, 'revert', 'Bring flags and segments back to what they were.')
    .requiredOption('--to <revision|time>', 'the revision, or the last one at this time', pointArgument)
    .option('--flags <flag...>', 'only these flags; left out: everything, segments too', keysArgument)
    .option('--dry-run', 'show what would change, and write nothing')
    .option('--include-kills', 'kills go back too; else they stay as they are now')
    .option('--reason <text>', 'why; kept in the history. Needed without --dry-run', textArgument);
  command.action((options: RevertOptions) => {
    const { to, flags, dryRun = false, includeKills = false, reason } = options;
    if (!dryRun) reasonOf(command, options);
    return run(options, (session) => revert(session, { to, flags, dryRun, includeKills, reason }));
  });
}

function addHistory(program: Command, run: RunCommand): void {
  operatorCommand(program, 'history', 'What changed, when, by whom and why; newest first.')
    .option('--flag <flag>', 'only changes of this flag', keyArgument)
    .option('--limit <n>', `how many (default ${HISTORY_LIMIT})`, historyLimitArgument)
    .action((options: RunOptions & { readonly flag?: string; readonly limit?: number }) =>
      run(options, (session) => history(session, options)),
    );
}

function addWatch(program: Command, run: RunCommand): void {
  operatorCommand(program, 'watch', 'Changes and receipts as they happen, until Ctrl-C.')
    .option('--since <revision>', 'tell what changed after this revision first', revisionArgument)
    .action((options: RunOptions & { readonly since?: number }) =>
      run(options, async (session) => {
        // The parser of event streams is for this command alone.
        const { watch } = await import('./watch.ts');
        return watch(session, { since: options.since, firstWithinMs: options.retry ?? RETRY_READ_MS });
      }),
    );
}

function addRenewEpoch(program: Command, run: RunCommand): void {
  operatorCommand(
    program,
    'renew-epoch',
    'Have every SDK take the environment anew, after commits were lost.',
  )
    .requiredOption('--reason <text>', 'why; kept in the audit log', textArgument)
    .action((options: RunOptions & { readonly reason: string }) =>
      run(options, (session) => renewEpoch(session, options.reason)),
    );
}

function addExport(program: Command, run: RunCommand): void {
  serverCommand(
    program,
    'export',
    'Write projects with all they hold as JSON, to keep or to import elsewhere.',
  )
    .option('-p, --project <key>', 'only this project; left out: all that the key opens', keyArgument)
    .option('--history', 'with the revisions of each environment, for the record')
    .action((options: RunOptions & { readonly history?: true }) =>
      run(options, (session) =>
        exportProjects(session, { project: options.project, history: options.history ?? false }),
      ),
    );
}

interface ImportOptions extends RunOptions {
  readonly dryRun?: true;
  readonly replace?: true;
  readonly includeKills?: true;
}

function addImport(program: Command, run: RunCommand): void {
  serverCommand(
    program,
    'import',
    'Make projects, environments, flags and segments as in a file of `export`.',
  )
    .argument('<file>', 'the file; - is standard input', fileArgument)
    .option('--dry-run', 'show what would change, and write nothing')
    .option('--replace', 'flags and segments that the file does not have leave the environments')
    .option('--include-kills', 'kills become exactly those of the file; else none is lifted')
    .action((file: NamedText, options: ImportOptions) => {
      const { dryRun = false, replace = false, includeKills = false } = options;
      return run(options, (session) => importProjects(session, { ...file, dryRun, replace, includeKills }));
    });
}

const WAIT_HELP = `wait until every running SDK has applied it (default ${RECEIPT_WAIT_MS / 1_000}s)`;

/** A command that works in one environment, of several servers perhaps. */
function glassCommand(program: Command, name: string, description: string): Command {
  const help = 'the server; with --break-glass once for each server';
  const command = program
    .command(name)
    .description(description)
    .option('--url <address>', help, urlsArgument);
  return inEnvironment(withSharedOptions(command));
}

/** A command that works in one environment. */
function operatorCommand(program: Command, name: string, description: string): Command {
  return inEnvironment(serverCommand(program, name, description));
}

function inEnvironment(command: Command): Command {
  return command
    .option('-p, --project <key>', 'the project', keyArgument)
    .option('-e, --environment <key>', 'the environment', keyArgument);
}

/** A command with the options, settings and exit codes that all of them share. */
function serverCommand(program: Command, name: string, description: string): Command {
  return withSharedOptions(
    program.command(name).description(description).option('--url <address>', 'the server'),
  );
}

function withSharedOptions(command: Command): Command {
  const [write, read] = [RETRY_WRITE_MS / 1_000, RETRY_READ_MS / 1_000];
  return command
    .option('--json', "print the API's JSON")
    .option(
      '--retry <duration>',
      `try again for so long while the server does not answer (default ${write}s to write, ${read}s to read)`,
      durationArgument,
    )
    .addHelpText('after', `\n${OPERATOR_SETTINGS_HELP}\n\n${exitCodeHelp()}`);
}

function waitMsOf(wait: number | true | undefined): number | undefined {
  return wait === true ? RECEIPT_WAIT_MS : wait;
}
