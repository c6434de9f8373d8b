import type { Command } from 'commander'
import { explain } from './explain.ts'

/** A path that is not there, or not of a log: as opposed to a log that is damaged (1). */
const NOTHING_TO_LOOK_AT = 2

/** `odradek log …`: looking at files, with no broker. What it takes is loaded when it is asked for. */
export function addLogCommands(program: Command, setExitCode: (code: number) => void): void {
  const log = program
    .command('log')
    .description(
      'Look at the files of a broker, ours or Apache Kafka: nothing is written, a running one is not disturbed.',
    )

  const run = async (work: () => Promise<number>) => {
    try {
      setExitCode(await work())
    } catch (error) {
      console.error(`odradek: ${explain(error)}`)
      setExitCode(NOTHING_TO_LOOK_AT)
    }
  }

  log
    .command('verify <paths...>')
    .description(
      'Check log directories, partition folders or files: checksums, offsets, indexes, snapshots, checkpoints. Exit code 1 when something is wrong.',
    )
    .option('--compacted', 'offsets may be missing, as in topics that are or were compacted')
    .option('--json', 'a line of JSON for each finding')
    .action((paths: string[], options: { compacted?: true; json?: true }) =>
      run(async () => (await import('./log-verify.ts')).logVerify(paths, options)),
    )

  log
    .command('dump <paths...>')
    .description(
      'Print what is in log directories, partition folders or files: batches, indexes, snapshots, checkpoints.',
    )
    .option('--records', 'the records in the batches, too; those of __consumer_offsets decoded')
    .option('--json', 'a line of JSON for each thing')
    .action((paths: string[], options: { records?: true; json?: true }) =>
      run(async () => (await import('./log-dump.ts')).logDump(paths, options)),
    )
}
