import { ApiVersions } from '../../../protocol/apis/api-versions.ts'
import { Fetch } from '../../../protocol/apis/fetch.ts'
import { JoinGroup, SyncGroup } from '../../../protocol/apis/group-membership.ts'
import { Produce } from '../../../protocol/apis/produce.ts'
import { Dice } from './dice.ts'
import { Facts } from './facts.ts'
import { type AnyApi, type Frame, FrameMaker } from './frames.ts'
import { FuzzClient, type Outcome } from './fuzz-client.ts'
import { learn } from './learn.ts'
import { damaged, outOfStep } from './mutations.ts'

/** What must not happen, and what was sent before it did. */
export interface Finding {
  readonly kind: 'closed' | 'nonsense' | 'hangs' | 'died' | 'data'
  readonly what: string
  readonly seed: number
  /** The requests of the run in question, in hex, in the order in which they were sent. */
  readonly sent: readonly string[]
}

export interface WorkerOptions {
  readonly port: number
  readonly seed: number
  readonly apis: readonly AnyApi[]
  /** Says whether to go on, before each run of requests. */
  readonly goOn: () => boolean
  readonly onSent: (frames: number) => void
  readonly onRun: (requests: readonly Buffer[]) => void
  readonly onFinding: (finding: Finding) => void
}

/** Requests that may wait, for as long as a client tells them to. */
const WAITING = new Set([Fetch.key, JoinGroup.key, SyncGroup.key])
/** Whoever may wait has this long; then the client goes, and the broker has to notice. */
const SHORT_MS = 300
/** Nothing takes so long, also on a machine that has other things to do. */
const LONG_MS = 60_000

/**
 * Sends one run of requests after the other, over connections of its own, and watches how they are taken: good requests
 * must be answered, damaged ones answered or their connection closed, and nothing may be left hanging.
 */
export async function fuzzWorker(options: WorkerOptions): Promise<void> {
  const dice = new Dice(options.seed)
  const facts = new Facts()
  const maker = new FrameMaker(options.apis, dice, facts)
  const known = new Map<number, Frame>()
  let sent: readonly Buffer[] = []
  const found = (kind: Finding['kind'], what: string) =>
    options.onFinding({ kind, what, seed: options.seed, sent: sent.map((bytes) => bytes.toString('hex')) })
  const onAnswer = (answer: Buffer) => {
    const correlationId = answer.length < 4 ? -1 : answer.readInt32BE(0)
    const frame = known.get(correlationId)
    if (frame === undefined) return
    known.delete(correlationId)
    try {
      learn(frame, answer, facts)
    } catch (error) {
      found(
        'nonsense',
        `the answer to ${nameOf(frame)} cannot be read: ${error instanceof Error ? error.message : error}`,
      )
    }
  }
  let client: FuzzClient | undefined

  /** Good requests, which nothing but an answer is good enough for. */
  const good = async (open: FuzzClient): Promise<Outcome> => {
    const oddPercent = dice.pick([0, 0, 10])
    const frames = Array.from({ length: dice.between(1, 12) }, () => maker.any(oddPercent))
    sent = frames.map(({ bytes }) => bytes)
    known.clear()
    for (const frame of frames) known.set(frame.correlationId, frame)
    options.onSent(frames.length)
    options.onRun(sent)
    const outcome = await open.run(sent, patience(sent))
    if (outcome === 'closed' && !frames.some(mayClose))
      found('closed', `closed on good requests: ${frames.map(nameOf).join(', ')}`)
    return outcome
  }

  /** Some of them damaged, but each of the length that it says it has. */
  const bad = async (open: FuzzClient): Promise<Outcome> => {
    known.clear()
    sent = Array.from({ length: dice.between(1, 12) }, () => {
      const frame = maker.any(5)
      return dice.chance(60) ? damaged(frame, maker.any(5), dice) : frame.bytes
    })
    options.onSent(sent.length)
    options.onRun(sent)
    return open.run(sent, patience(sent))
  }

  /** The last of the connection: bytes that fit nowhere. */
  const worst = async (open: FuzzClient): Promise<Outcome> => {
    known.clear()
    const frames = Array.from({ length: dice.between(0, 3) }, () => maker.any(5).bytes)
    sent = [...frames, outOfStep(maker.any(5), maker.any(5), dice)]
    options.onSent(sent.length)
    options.onRun(sent)
    if (dice.chance(10)) {
      open.destroy()
      return 'closed'
    }
    return open.finish(Buffer.concat(sent), LONG_MS)
  }

  while (options.goOn()) {
    if (client === undefined || client.closed) client = await FuzzClient.open(options.port, onAnswer)
    const kind = dice.below(10)
    const run = kind < 4 ? good : kind < 9 ? bad : worst
    const outcome = await run(client)
    if (outcome === 'silent' && !sent.some(mayWait)) found('hangs', 'no answer, and the connection stays open')
    if (outcome !== 'answered' || run === worst || dice.chance(5)) {
      client.destroy()
      client = undefined
    }
  }
  client?.destroy()
}

const nameOf = ({ api, version }: Frame): string => `${api.name} v${version}`

/** A Produce that must not be answered ends the connection when it fails (PR-2); the oldest versions always do. */
const mayClose = ({ api, version }: Frame): boolean =>
  api.key === Produce.key || (api.key === ApiVersions.key && version < 0)

const mayWait = (bytes: Buffer): boolean => bytes.length < 8 || WAITING.has(bytes.readInt16BE(4))

const patience = (requests: readonly Buffer[]): number => (requests.some(mayWait) ? SHORT_MS : LONG_MS)
