import { Command, CommanderError, Option } from 'commander'
import { logFormats, logLevels, version } from '../broker/index.ts'
import { addLogCommands } from './log-commands.ts'
import { type RunOptions, runBroker } from './run-broker.ts'

/** A command that was not understood, as opposed to one that failed (1). */
const USAGE_ERROR = 2

/**
 * `odradek <command>`. Data goes to stdout, talk to stderr. Ends the process when it is done: 0 after a clean stop, 1
 * when the broker could not start or had to give up, or files are damaged, 2 for a command line that makes no sense.
 * @param argv what follows the program's name
 */
export async function main(argv: readonly string[]): Promise<void> {
  let exitCode = 0
  const program = new Command('odradek')
    .description('A Kafka-compatible commit-log broker.')
    .exitOverride()
    .showHelpAfterError('(odradek --help shows the commands)')
    .version(version, '-V, --version', 'print the version')

  brokerCommand(program.command('start [server.properties]'))
    .description('Start a broker. Configuration: --set before KAFKA_* variables before the file before the defaults.')
    .action(async (path: string | undefined, options: CommandOptions) => {
      exitCode = await runBroker({ ...runOptions('start', options), ...(path === undefined ? {} : { path }) })
    })

  brokerCommand(program.command('dev'))
    .description(
      'Start a broker for development: 127.0.0.1:9092, HTTP on 127.0.0.1:9644, data in ./data, no rebalance delay, no fsync.',
    )
    .action(async (options: CommandOptions) => {
      exitCode = await runBroker(runOptions('dev', options))
    })

  addLogCommands(program, (code) => {
    exitCode = code
  })

  program
    .command('version')
    .description('Print the version of odradek and of Node.')
    .action(() => console.log(`odradek ${version} (node ${process.version})`))

  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Commander has said what was wrong. Help and version come this way, too, with 0.
    exitCode = error.exitCode === 0 ? 0 : USAGE_ERROR
  }
  process.exit(exitCode)
}

interface CommandOptions {
  readonly set: readonly string[]
  readonly logLevel: RunOptions['logLevel']
  readonly logFormat: RunOptions['logFormat']
}

function brokerCommand(command: Command): Command {
  const collect = (argument: string, before: readonly string[]) => [...before, argument]
  return command
    .option('--set <key=value>', 'set a configuration key (may be repeated)', collect, [])
    .addOption(
      new Option('--log-level <level>', 'least important lines to show on stderr')
        .choices(logLevels)
        .default('warn')
        .env('ODRADEK_LOG_LEVEL'),
    )
    .addOption(
      new Option('--log-format <format>', 'for people or for machines')
        .choices(logFormats)
        .default('text')
        .env('ODRADEK_LOG_FORMAT'),
    )
}

function runOptions(mode: RunOptions['mode'], { set, logLevel, logFormat }: CommandOptions): RunOptions {
  return { mode, set, logLevel, logFormat, environment: process.env }
}
