import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import type { DoctorOptions } from './doctor/gather-facts.ts';
import type { Maintenance } from './maintenance/maintenance.ts';
import type { ExitCode } from './operator/exit-code.ts';
import { EXIT, exitCodeHelp } from './operator/exit-code.ts';
import { addOperatorCommands } from './operator/operator-commands.ts';
import { runCommand } from './operator/run-command.ts';
import { createTerminal } from './operator/terminal.ts';
import { systemClock } from './platform/clock.ts';
import { systemPause } from './platform/pause.ts';
import { systemRandom } from './platform/random.ts';
import { systemSchedule } from './platform/schedule.ts';
import type { Variables } from './platform/variable-files.ts';
import { withVariableFiles } from './platform/variable-files.ts';
import type { ServeFlags } from './process/serve.ts';
import type { RelayFlags } from './relay/run-relay.ts';
import type { SettingTable } from './settings/setting-table.ts';

/** The options of `dimmer doctor`. */
interface DoctorFlags extends DoctorOptions {
  readonly database?: string;
  readonly json?: boolean;
}

const version = versionOfPackage();
const program = new Command('dimmer')
  .description('Ship dark, fade in, switch off.')
  .version(version)
  .addHelpText('after', `\n${exitCodeHelp()}`)
  // Before any command is made: commands take it over.
  .exitOverride();
program
  .command('serve')
  .description('Start the server.')
  .option('--host <address>', 'where to listen, instead of DIMMER_HOST')
  .option('--port <number>', 'the port, instead of DIMMER_PORT')
  .option('--database <url>', 'the database, instead of DIMMER_DATABASE_URL')
  .action(async (flags: ServeFlags) => {
    const { serve } = await import('./process/serve.ts');
    await serve(flags, variablesOfProcess(), version);
  });
storeCommand(
  'backup',
  'Write everything that a store holds to a file, as it is at one moment; servers go on.',
)
  .requiredOption(
    '--to <file|folder>',
    'the file, or a folder (made when absent) for one that is named after the time',
  )
  .option('--from <url>', 'the store, instead of DIMMER_DATABASE_URL')
  .action((options: { readonly to: string; readonly from?: string }) => {
    const variables = variablesOfProcess();
    return maintain(async (maintenance) => {
      const [{ backup }, { SETTINGS }] = await Promise.all([
        import('./maintenance/backup.ts'),
        import('./settings/settings.ts'),
      ]);
      const { name, default: usual } = SETTINGS.databaseUrl;
      return backup(maintenance, { ...options, from: options.from ?? (variables[name] || usual) });
    });
  });
storeCommand('restore-backup', 'Put a backup into an empty store. No server may run on it.')
  .requiredOption('--from <file>', 'the backup')
  .requiredOption('--to <url>', 'the store: file: and a path that is free, or an empty database')
  .option('--keep-epoch', 'environments keep their epochs: only where nobody has read a later revision')
  .action((options: { readonly from: string; readonly to: string; readonly keepEpoch?: true }) =>
    maintain(async (maintenance) => {
      const { restoreBackup } = await import('./maintenance/restore-backup.ts');
      return restoreBackup(maintenance, { ...options, keepEpoch: options.keepEpoch ?? false });
    }),
  );
storeCommand(
  'migrate-store',
  'Move everything that a store holds to another, empty one. No server may run on either.',
)
  .requiredOption('--from <url>', 'the store that is left')
  .requiredOption('--to <url>', 'the empty store')
  .action((options: { readonly from: string; readonly to: string }) =>
    maintain(async (maintenance) => {
      const { migrateStore } = await import('./maintenance/migrate-store.ts');
      return migrateStore(maintenance, options);
    }),
  );
program
  .command('doctor')
  .description('Look at settings, database, machine and a running server, and say what to do.')
  .option('--url <address>', 'a running server to look at too, with DIMMER_ADMIN_KEY where it is set')
  .option('--database <url>', 'the database, instead of DIMMER_DATABASE_URL')
  .option('--backups <folder>', 'where backups lie: the age of the newest is looked at')
  .option('--json', 'print the findings as JSON')
  .addHelpText(
    'after',
    '\nIt reads the variables of `dimmer serve`, and ends with 1 where there is a problem, else with 0.',
  )
  .action(async ({ database, ...options }: DoctorFlags) => {
    const { doctor } = await import('./doctor/doctor-command.ts');
    const variables = {
      ...variablesOfProcess(),
      ...(database !== undefined && { DIMMER_DATABASE_URL: database }),
    };
    const terminal = createTerminal(process.stdout, process.stderr, process.env['NO_COLOR']);
    process.exitCode = await doctor(options, variables, { version, terminal });
  });
program
  .command('relay')
  .description('Serve SDKs from a copy of environments of a server, also while that is away.')
  .option('--upstream <url>', 'the server, instead of DIMMER_RELAY_UPSTREAM')
  .option('--key <key...>', 'a server key of each environment, instead of DIMMER_RELAY_KEYS')
  .option('--cache <folder>', 'where copies are kept, instead of DIMMER_RELAY_CACHE')
  .option('--name <name>', 'how it is called among instances, instead of DIMMER_RELAY_NAME')
  .option('--host <address>', 'where to listen, instead of DIMMER_HOST')
  .option('--port <number>', 'the port, instead of DIMMER_PORT')
  .action(async (flags: RelayFlags) => {
    const { runRelay } = await import('./relay/run-relay.ts');
    await runRelay(flags, variablesOfProcess(), version);
  });
// The server is loaded only where it is asked for, its table of settings too: `dimmer kill` must not wait for it.
program.hook('preSubcommand', async (_program, command) => {
  const table = await settingsOf(command.name());
  if (table === undefined) return;
  const { settingsHelp } = await import('./settings/settings-text.ts');
  command.addHelpText('after', `\n${settingsHelp(table)}`);
});
addOperatorCommands(program, systemClock, async (options, act) => {
  const interruption = new AbortController();
  // Once: a second Ctrl-C ends the process, whatever it is waiting for.
  process.once('SIGINT', () => interruption.abort());
  endQuietlyWithReader();
  process.exitCode = await runCommand(
    {
      variables: variablesOfProcess(),
      terminal: createTerminal(process.stdout, process.stderr, process.env['NO_COLOR']),
      fetch: globalThis.fetch,
      clock: systemClock,
      random: systemRandom,
      pause: systemPause,
      schedule: systemSchedule,
      interrupted: interruption.signal,
    },
    options,
    act,
  );
});
await program.parseAsync().catch((cause: unknown) => {
  if (!(cause instanceof CommanderError)) throw cause;
  // Help and version are no fault; everything else that commander ends is a wrong argument.
  process.exitCode = cause.exitCode === 0 ? EXIT.done : EXIT.usage;
});

/** A command that works on a store itself, in place of a server. */
function storeCommand(name: string, description: string): Command {
  return program.command(name).description(description).addHelpText('after', `\n${exitCodeHelp()}`);
}

async function maintain(act: (maintenance: Maintenance) => Promise<ExitCode>): Promise<void> {
  const { runMaintenance } = await import('./maintenance/maintenance.ts');
  const terminal = createTerminal(process.stdout, process.stderr, process.env['NO_COLOR']);
  const maintenance = {
    terminal,
    clock: systemClock,
    random: systemRandom,
    schedule: systemSchedule,
    version,
  };
  // Whoever reads may go: the work goes on.
  process.stdout.on('error', () => {});
  // Until it is known to be done.
  process.exitCode = EXIT.failed;
  process.exitCode = await runMaintenance(maintenance, () => act(maintenance));
}

/** @throws CommanderError where a file that a variable names cannot be read. */
function variablesOfProcess(): Variables {
  const { variables, faults } = withVariableFiles(process.env, (path) => readFileSync(path, 'utf8'));
  return faults.length === 0 ? variables : program.error(faults.join('\n'), { exitCode: EXIT.usage });
}

async function settingsOf(command: string): Promise<SettingTable | undefined> {
  if (command === 'serve') return (await import('./settings/settings.ts')).SETTINGS;
  return command === 'relay' ? (await import('./relay/relay-settings.ts')).RELAY_SETTINGS : undefined;
}

/** `dimmer history | head`: whoever reads has gone, and that is no fault. */
function endQuietlyWithReader(): void {
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EPIPE') process.exit();
    throw cause;
  });
}

function versionOfPackage(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version);
  throw new Error('package.json has no version');
}
