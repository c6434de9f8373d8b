/**
 * A broker in a process of its own that can be looked into: watched-broker.ts starts it and asks. It tells of everything
 * that must not happen (an error in the log, a rejection that nobody handles), and ends at once when the worst does.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Logger } from '../../../broker/index.ts'
import { startBroker } from '../../../broker/index.ts'
import type { RegisteredName } from '../../../broker/runtime/metric-table.ts'
import type { Question, Told, Watched } from './watched-broker.ts'

const [dataDir = '', config = '{}'] = process.argv.slice(2)

const tell = (message: Told) => process.send?.(message)
const die = (error: unknown) => {
  const says = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.send?.({ kind: 'died', error: says } satisfies Told, () => process.exit(2))
}
process.on('uncaughtException', die)
process.on('unhandledRejection', die)
process.on('disconnect', () => process.exit(0))

const errors: string[] = []
const warnings = new Map<string, number>()
const logger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (_fields, message) => warnings.set(message, (warnings.get(message) ?? 0) + 1),
  error: (fields, message) => {
    const { error, ...rest } = fields as { error?: unknown }
    const cause =
      error instanceof Error
        ? `${error.stack}${error.cause instanceof Error ? `\ncause: ${error.cause.stack}` : ''}`
        : ''
    if (errors.length < 100) errors.push(`${message} ${JSON.stringify(rest)} ${cause}`)
  },
}

const broker = await startBroker({ dataDir, config: JSON.parse(config), logger })
const delay = monitorEventLoopDelay({ resolution: 10 })
delay.enable()

/** The longest turn of the event loop by the processor's time: what the machine's other work does not lengthen. */
let longestTurnMs = 0
let cpuBefore = process.cpuUsage()
let before = performance.now()
const TICK_MS = 5
setInterval(() => {
  const now = performance.now()
  const used = process.cpuUsage(cpuBefore)
  const cpuMs = (used.user + used.system) / 1000
  // Garbage collection and other threads count, too, so it is no more than the time that has gone by.
  longestTurnMs = Math.max(longestTurnMs, Math.min(cpuMs, now - before - TICK_MS))
  cpuBefore = process.cpuUsage()
  before = now
}, TICK_MS)

process.on('message', ({ id, question }: { id: number; question: Question }) => {
  if (question === 'stop') {
    void broker.stop().then(() => {
      process.send?.({ kind: 'answer', id, watched: watch() } satisfies Told, () => process.exit(0))
    }, die)
    return
  }
  if (question === 'collect') {
    void collect().then(() => tell({ kind: 'answer', id, watched: watch() }))
    return
  }
  if (question === 'reset') {
    delay.reset()
    longestTurnMs = 0
  }
  tell({ kind: 'answer', id, watched: watch() })
})

/** The memory of a buffer is given back in a later turn than the one in which the buffer is found to be garbage. */
async function collect(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function watch(): Watched {
  const { metrics } = broker
  const gauge = (name: RegisteredName): number => {
    const value = metrics.gauges.get(name)?.()
    if (typeof value === 'number') return value
    return value === undefined ? 0 : Array.from(value, ([, amount]) => amount).reduce((sum, amount) => sum + amount, 0)
  }
  const memory = process.memoryUsage()
  return {
    rssBytes: memory.rss,
    heapBytes: memory.heapUsed,
    externalBytes: memory.external,
    loopDelayMaxMs: delay.max / 1e6,
    loopDelayP99Ms: delay.percentile(99) / 1e6,
    longestTurnMs,
    framesIn: metrics.network.framesIn,
    connections: metrics.network.connectionsActive,
    heldBytes: gauge('odradek_held_bytes'),
    inFlight: gauge('odradek_requests_in_flight'),
    parkedFetches: gauge('odradek_waiting_requests'),
    fetchSessions: gauge('odradek_fetch_sessions'),
    paused: gauge('odradek_paused_connections'),
    closed: Object.fromEntries(metrics.closedByReason),
    rejected: Object.fromEntries(metrics.rejectedByReason),
    resources: process.getActiveResourcesInfo().reduce<Record<string, number>>((counts, name) => {
      counts[name] = (counts[name] ?? 0) + 1
      return counts
    }, {}),
    warnings: Object.fromEntries(warnings),
    errors: [...errors],
  }
}

tell({ kind: 'listening', port: Number(broker.bootstrap.split(':').at(-1)) })
