import { readFileSync } from 'node:fs'
import {
  type Broker,
  type BrokerConfig,
  ConfigError,
  createBroker,
  createLogger,
  type LogFormat,
  type LogLevel,
  loadConfig,
  type StartableBroker,
  systemClock,
} from '../broker/index.ts'
import type { HttpServer } from '../http/server.ts'
import { developmentDefaults, developmentHints } from './development.ts'
import { explain, lastWords } from './explain.ts'

export interface RunOptions {
  readonly mode: 'start' | 'dev'
  /** A Java properties file. */
  readonly path?: string
  /** `key=value`, in the order of the command line. */
  readonly set: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
}

/**
 * Runs a broker in this process until a signal ends it.
 * @returns the exit code: 0 after a clean stop, 1 when it could not start (with one line on stderr that says why) or
 *   had to give up.
 */
export async function runBroker(options: RunOptions): Promise<number> {
  endAtOnceWhenBroken()
  const signal = firstSignal()
  let broker: StartableBroker | undefined
  let http: HttpServer | undefined
  try {
    const config = readConfig(options)
    for (const warning of config.warnings) console.error(`odradek: ${warning}`)
    const { logLevel: level, logFormat: format } = options
    const logger = createLogger({ clock: systemClock, level, format, write: (line) => process.stderr.write(line) })
    broker = createBroker({ config, logger, httpUrl: () => http?.url })
    const started = broker.start()
    // A recovery that takes long can be watched: /readyz says 503 meanwhile.
    if (await takesLong(started)) http = await startHttpIfAsked(broker, config)
    await started
    for (const listener of broker.listeners) console.log(listeningLine(listener))
    http ??= await startHttpIfAsked(broker, config)
    if (options.mode === 'dev') console.log(developmentHints(broker, config, http?.url))
  } catch (error) {
    console.error(`odradek: ${explain(error)}`)
    await http?.stop()
    await broker?.stop()
    return 1
  }
  await signal
  // HTTP goes last, so that /readyz says 503 while the broker stops.
  await broker.stop()
  await http?.stop()
  return 0
}

/** Long enough that an ordinary start does not load Fastify before its listeners are open. */
const LONG_START_MS = 1_000

/** Whether `started` is still open after a while. A failure is not long; who awaits `started` gets it. */
async function takesLong(started: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const long = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, LONG_START_MS, true)
  })
  const result = await Promise.race([long, started.then(ended, ended)])
  clearTimeout(timer)
  return result
}

const ended = (): boolean => false

function readConfig({ mode, path, set, environment }: RunOptions): BrokerConfig {
  const preset = mode === 'dev' ? developmentDefaults : {}
  return loadConfig({
    preset,
    environment,
    set,
    ...(path === undefined ? {} : { file: { path, text: readConfigFile(path) } }),
  })
}

function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ConfigError(`${path}: cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Fastify takes longer to load than the broker to start, so it is loaded when clients can connect already. */
async function startHttpIfAsked(broker: Broker, config: BrokerConfig): Promise<HttpServer | undefined> {
  const address = config.get('odradek.http.listen')
  if (address === '') return undefined
  const { startHttp } = await import('../http/server.ts')
  return startHttp(broker, address, { maxPartitionSeries: config.get('odradek.metrics.max.partitions') })
}

/** `listening PLAINTEXT://127.0.0.1:9092`, and what clients are told where that is another address. */
export function listeningLine(listener: Broker['listeners'][number]): string {
  const bound = `${bracketed(listener.host)}:${listener.port}`
  const advertised = `${bracketed(listener.advertisedHost)}:${listener.advertisedPort}`
  const suffix = bound === advertised ? '' : ` (clients are sent to ${advertised})`
  return `listening ${listener.name}://${bound}${suffix}`
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** Settles at the first SIGTERM or SIGINT. The second one ends the process at once: recovery is there for that. */
function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false
    for (const [signal, exitCode] of [
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const) {
      process.on(signal, () => {
        if (stopping) process.exit(exitCode)
        stopping = true
        resolve()
      })
    }
  })
}

/**
 * After a bug, or with no disk left, nothing more is written: no clean shutdown, so that the next start checks the logs.
 */
function endAtOnceWhenBroken(): void {
  const end = (error: unknown) => {
    console.error(`odradek: ${lastWords(error)}`)
    process.exit(1)
  }
  process.on('uncaughtException', end)
  process.on('unhandledRejection', end)
  // Who reads our output may go away; the broker goes on, and there is nobody left to tell.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
}
