import { handlers } from '../../../broker/handlers/registry.ts'
import { type Watched, WatchedBroker } from '../support/watched-broker.ts'
import { type Finding, fuzzWorker } from './fuzz-worker.ts'
import { Janitor } from './janitor.ts'

export interface CampaignOptions {
  readonly seed: number
  readonly frames: number
  readonly log: (line: string) => void
}

export interface CampaignResult {
  readonly frames: number
  readonly seconds: number
  readonly findings: readonly Finding[]
  /** Undefined when the broker ended before it got so far. */
  readonly looks: { readonly before: Watched; readonly during: Watched; readonly after: Watched } | undefined
}

const WORKERS = 24
/** Code is compiled again and again until it is as good as it gets: some megabytes that are not given back. */
const WARM_UP_FRAMES = 50_000

/** A broker in which time runs quicker than elsewhere: groups, sessions and files of deleted topics do not stay. */
const config = {
  'offsets.topic.num.partitions': '4',
  'group.max.session.timeout.ms': '5000',
  'log.segment.delete.delay.ms': '500',
  'offsets.retention.minutes': '1',
}

/**
 * Lets workers loose on a broker in a process of its own, and looks at it before, while and after: it must not end, log an
 * error, leave a request hanging, or keep what it was given.
 */
export async function runFuzz({ seed, frames, log }: CampaignOptions): Promise<CampaignResult> {
  await using broker = await WatchedBroker.start(config)
  const janitor = await Janitor.start(broker.port)
  const findings: Finding[] = []
  const began = Date.now()
  let sent = 0
  const recent = new RecentRuns()

  const storm = async (until: number, firstSeed: number) => {
    let said = Date.now()
    const options = (worker: number) => ({
      port: broker.port,
      seed: firstSeed + worker,
      apis: handlers.map(({ api }) => api),
      goOn: () => sent < until && findings.length < 20 && broker.died === undefined,
      onSent: (count: number) => {
        sent += count
        if (Date.now() - said < 10_000) return
        said = Date.now()
        log(`${sent} of ${frames} frames`)
      },
      onRun: (run: readonly Buffer[]) => recent.add(run),
      onFinding: (finding: Finding) => {
        findings.push(finding)
      },
    })
    const workers = Array.from({ length: WORKERS }, (_, worker) =>
      fuzzWorker(options(worker)).catch((error: unknown) => {
        findings.push({
          kind: 'closed',
          what: `a worker ended: ${error instanceof Error ? error.stack : error}`,
          seed,
          sent: [],
        })
      }),
    )
    await Promise.all(workers)
  }

  const campaign = async () => {
    // Codecs, metrics and the like are made once, and stay.
    await storm(Math.min(WARM_UP_FRAMES, frames / 4), seed)
    const before = await quiet(broker, janitor)
    await broker.look('reset')
    await storm(frames, seed + WORKERS)
    const during = await broker.look()
    for (const what of await janitor.check()) findings.push({ kind: 'data', what, seed, sent: [] })
    return { before, during, after: await quiet(broker, janitor) }
  }
  const looks = await campaign().catch((error: unknown) => {
    findings.push({ kind: 'died', what: broker.died ?? String(error), seed, sent: recent.inOrder() })
    return undefined
  })
  await janitor.end()
  const seconds = (Date.now() - began) / 1000
  if (looks !== undefined) return { frames: sent, seconds, findings, looks }
  // When the broker ends, all connections do, with whatever was sent on them.
  return { frames: sent, seconds, findings: findings.filter(({ kind }) => kind !== 'closed'), looks }
}

/** When everything that was asked for is over and cleaned up. */
async function quiet(broker: WatchedBroker, janitor: Janitor): Promise<Watched> {
  await janitor.cleanUp()
  let watched = await broker.look('collect')
  // The longest that anything may last is a session (group.max.session.timeout.ms).
  for (let i = 0; i < 60 && !isQuiet(watched); i++) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    watched = await broker.look('collect')
  }
  await janitor.cleanUp()
  // The files of deleted topics go a while later (log.segment.delete.delay.ms).
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  return broker.look('collect')
}

/** But for the janitor's own connection. */
export const isQuiet = ({ connections, inFlight, parkedFetches, heldBytes }: Watched): boolean =>
  connections <= 1 && inFlight === 0 && parkedFetches === 0 && heldBytes === 0

/** What was sent last, by all workers: when the broker has ended, the reason is in it. */
class RecentRuns {
  readonly #runs: (readonly Buffer[])[] = []
  #next = 0

  add(run: readonly Buffer[]): void {
    this.#runs[this.#next] = run
    this.#next = (this.#next + 1) % KEPT_RUNS
  }

  inOrder(): string[] {
    const runs = [...this.#runs.slice(this.#next), ...this.#runs.slice(0, this.#next)]
    return runs.flatMap((run) => run.map((bytes) => bytes.toString('hex')))
  }
}

const KEPT_RUNS = 200
