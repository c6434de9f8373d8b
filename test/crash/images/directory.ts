import { seededRandom } from '../../../broker/runtime/random.ts'
import { type FileSystem, type Log, LogDirectory, TailCache } from '../../../storage/index.ts'
import type { StorageLogger } from '../../../storage/storage-logger.ts'
import type { FakeClock } from '../../support/fake-clock.ts'
import { type Crash, checkLog } from './check-log.ts'
import type { Expectation, Oracle, SentBatch } from './oracle.ts'
import { must } from './violation.ts'

/** A log directory on some file system, as a broker would run it. */
export interface Running {
  readonly directory: LogDirectory
  readonly clock: FakeClock
  /** What an operator would have read: `warn: cut the torn tail of a segment`. */
  readonly messages: string[]
}

export async function openDirectory(fileSystem: FileSystem, clock: FakeClock, seed: number): Promise<Running> {
  const messages: string[] = []
  const directory = await LogDirectory.open({
    path: '/data',
    fileSystem,
    clock,
    random: seededRandom(seed),
    clusterId: 'cluster',
    nodeId: 1,
    // Small, so that reads go to the disk as well.
    tailCache: new TailCache(600),
    maxOpenFiles: 3,
    logger: collector(messages),
  })
  return { directory, clock, messages }
}

/** Opens every log that there is, as a broker does at its start: those whose topics it knows, with their settings. */
export async function openLogs(directory: LogDirectory, oracle: Oracle) {
  const opened = new Map<string, { log: Log; expected: Expectation }>()
  for (const { folder, topicId } of directory.folders()) {
    const expected = topicId === undefined ? undefined : oracle.logs.get(topicId)
    if (expected === undefined || topicId === undefined) {
      // What a crash left of a creation: the next one of that name sets it aside.
      const unborn = [...oracle.logs.values()].some((one) => one.folder === folder && one.state !== 'there')
      must(topicId === undefined && unborn, () => `${folder} belongs to nobody: topic id ${topicId}`)
      continue
    }
    const log = await directory.openLog(folder, expected.config)
    must(expected.state !== 'gone', () => `${folder} was deleted, and is back`)
    must(expected.folder === folder, () => `${folder} has the topic id of ${expected.folder}`)
    opened.set(topicId, { log, expected })
  }
  for (const [topicId, { state, folder }] of oracle.logs) {
    must(state !== 'there' || opened.has(topicId), () => `${folder} was created, and is gone`)
  }
  return opened
}

/** What a start finds of one log. */
export interface FoundLog {
  readonly log: Log
  readonly expected: Expectation
  readonly batches: readonly SentBatch[]
  /** Offsets that cannot be read. */
  readonly damaged: number
}

/** Opens all logs and holds each against what it must be. @throws {Violation} */
export async function openAndCheck(
  { directory, clock }: Running,
  oracle: Oracle,
  crash: Crash,
  seed: number,
): Promise<Map<string, FoundLog>> {
  const random = seededRandom(seed)
  const found = new Map<string, FoundLog>()
  for (const [topicId, { log, expected }] of await openLogs(directory, oracle)) {
    found.set(topicId, { log, expected, ...(await checkLog(log, expected, crash, random)) })
  }
  clock.endTurn()
  return found
}

function collector(messages: string[]): StorageLogger {
  const at = (level: string) => (fields: object, message: string) => {
    messages.push(`${level}: ${message} ${JSON.stringify(fields, replaceErrors)}`)
  }
  return { info: at('info'), warn: at('warn'), error: at('error') }
}

function replaceErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value
}
