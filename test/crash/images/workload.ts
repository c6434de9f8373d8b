import type { Random } from '../../../broker/runtime/random.ts'
import * as batch from '../../../protocol/records/batch.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { defaultLogConfig, type LogConfig } from '../../../storage/index.ts'
import type { Fault } from '../../support/faulty-file-system.ts'
import { lastOfEach } from './check-producers.ts'
import type { Life } from './life.ts'

/** What may happen to a broker's storage, with how often. Each life draws weights of its own, so that lives differ. */
const steps: readonly { name: string; weight: number; run: (life: Life) => Promise<void> | void }[] = [
  { name: 'append', weight: 24, run: append },
  { name: 'repeat', weight: 4, run: repeat },
  { name: 'end the turn', weight: 12, run: ({ running }) => running.clock.endTurn() },
  { name: 'a call of the disk ends', weight: 24, run: (life) => life.release() },
  { name: 'the disk becomes idle', weight: 2, run: settle },
  { name: 'read', weight: 3, run: (life) => withLog(life, (topicId) => life.read(topicId)) },
  { name: 'time passes', weight: 3, run: ({ running, random }) => running.clock.advance(random.integer(400)) },
  { name: 'retention', weight: 2, run: (life) => withLog(life, (topicId) => life.applyRetention(topicId)) },
  { name: 'delete records', weight: 1, run: deleteRecords },
  { name: 'checkpoints', weight: 1, run: (life) => life.aside(life.running.directory.writeCheckpoints()) },
  { name: 'create a log', weight: 2, run: create },
  { name: 'delete a log', weight: 0.5, run: (life) => withLog(life, (topicId) => life.delete(topicId)) },
  { name: 'a new leader epoch', weight: 0.5, run: newEpoch },
  { name: 'a clean restart', weight: 0.7, run: restart },
  { name: 'kill -9', weight: 0.7, run: kill },
  { name: 'the disk fails', weight: 0.7, run: breakDisk },
]

export type StepName = (typeof steps)[number]['name']

/**
 * Starts with a log, takes so many random steps, and heals what failed.
 * @param emphasis times how often a step is taken more often than it would be
 */
export async function live(
  life: Life,
  count: number,
  emphasis: Readonly<Record<StepName, number>> = {},
): Promise<void> {
  const { random } = life
  const weights = steps.map(({ name, weight }) => {
    const chance = [0, 0.5, 1, 1, 1, 2, 4][random.integer(7)]!
    return name in emphasis ? weight * emphasis[name]! : weight * chance
  })
  weights[0] = Math.max(weights[0]!, 12)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (life.logs.size === 0) await create(life)
  for (let step = 0; step < count; step++) {
    let ticket = (random.integer(1_000_000) / 1_000_000) * total
    let chosen = 0
    while (ticket >= weights[chosen]!) ticket -= weights[chosen++]!
    await steps[chosen]!.run(life)
    await life.drain()
    life.show()
    if (life.isOffline && random.integer(6) === 0) await kill(life)
  }
}

async function withLog(life: Life, run: (topicId: string) => Promise<void> | void): Promise<void> {
  const topicIds = [...life.logs.keys()]
  if (topicIds.length > 0) await run(topicIds[life.random.integer(topicIds.length)]!)
}

function append(life: Life): Promise<void> {
  return withLog(life, (topicId) => {
    const { random } = life
    for (let count = 1 + random.integer(3); count > 0; count--) life.append(topicId, nextBatch(life, topicId))
  })
}

function nextBatch(life: Life, topicId: string): Buffer {
  const { random } = life
  const now = life.running.clock.wallTime()
  const records = Array.from({ length: 1 + random.integer(4) }, () => ({
    value: random.bytes(random.integer(100)),
    timestamp: now + random.integer(100) - 50,
  }))
  const producerId = random.integer(6) - 2
  if (producerId < 0) return buildBatch({ records })
  const last = lastOfEach(life.logs.get(topicId)!.expected.line).get(producerId)?.bytes
  const isNewEpoch = last !== undefined && random.integer(15) === 0
  const producerEpoch = last === undefined ? 0 : batch.producerEpoch(last) + (isNewEpoch ? 1 : 0)
  const baseSequence = last === undefined || isNewEpoch ? 0 : batch.lastSequence(last) + 1
  return buildBatch({ records, producerId, producerEpoch, baseSequence })
}

/** A client that did not hear the answer sends again. */
function repeat(life: Life): Promise<void> {
  return withLog(life, (topicId) => {
    const { log, expected } = life.logs.get(topicId)!
    const last = [...lastOfEach(expected.line).values()]
    if (last.length === 0) return
    const again = last[life.random.integer(last.length)]!
    const answer = life.append(topicId, Buffer.from(again.bytes))
    // Below the log's start nothing is promised.
    if (answer === 'appended' && again.base >= log.logStartOffset) throw new Error('a repeat was appended again')
  })
}

export async function settle(life: Life): Promise<void> {
  life.running.clock.endTurn()
  await life.drain()
  while (life.disk.waiting > 0) await life.release()
}

function deleteRecords(life: Life): Promise<void> {
  return withLog(life, (topicId) => {
    const { log } = life.logs.get(topicId)!
    const room = log.durableOffset - log.logStartOffset
    if (room > 0) life.deleteBefore(topicId, log.logStartOffset + 1 + life.random.integer(room))
  })
}

async function create(life: Life): Promise<void> {
  const { random } = life
  const taken = new Set([...life.logs.values()].map(({ log }) => log.folder))
  const free = ['a-0', 'b-0', 'c-d-1'].filter((folder) => !taken.has(folder))
  if (free.length > 0 && !life.isOffline) await life.create(free[random.integer(free.length)]!, randomConfig(random))
}

export function randomConfig(random: Random): LogConfig {
  const one = <T>(...choices: T[]): T => choices[random.integer(choices.length)]!
  return {
    ...defaultLogConfig,
    flushPolicy: one('commit', 'commit', 'commit', 'os'),
    segmentBytes: one(400, 900, 2000, 1 << 20),
    segmentMs: one(700, 1e12, 1e12),
    segmentIndexBytes: one(60, 1 << 20, 1 << 20),
    indexIntervalBytes: one(0, 100, 300, 4096),
    retentionBytes: one(-1, -1, 2500),
    retentionMs: one(-1, -1, 1500),
    flushMessages: one(3, Number.MAX_SAFE_INTEGER),
    flushMs: one(200, Number.MAX_SAFE_INTEGER),
    fileDeleteDelayMs: one(0, 300),
  }
}

async function newEpoch(life: Life): Promise<void> {
  life.epoch++
  for (const { log } of life.logs.values()) log.assignEpoch(life.epoch)
}

async function restart(life: Life): Promise<void> {
  await life.stop()
  await start(life)
}

async function kill(life: Life): Promise<void> {
  life.show()
  await start(life)
}

async function start(life: Life): Promise<void> {
  const { random } = life
  const fault = random.integer(10) === 0 ? randomFault(random) : undefined
  await life.start({ kind: 'process' }, life.running.clock.wallTime() + 1, fault)
}

function breakDisk(life: Life): void {
  life.faults.fail(randomFault(life.random))
}

/** EIO for a moment or for ever, a full disk that becomes free again, short writes, no more file descriptors. */
function randomFault(random: Random): Fault {
  const nth = 1 + random.integer(12)
  const times = [1, 1, 3, Number.POSITIVE_INFINITY][random.integer(4)]!
  switch (random.integer(8)) {
    case 0:
      return { operation: 'datasync', path: '.log', errno: 'EIO', nth: 1 + random.integer(4), times }
    case 7:
      return {
        operation: 'write',
        path: '.log',
        errno: 'ENOSPC',
        nth: 1 + random.integer(4),
        shortBytes: random.integer(300),
      }
    case 1:
      return { operation: 'sync', errno: 'EIO', nth, times }
    case 2:
      return { operation: 'write', errno: 'EIO', nth, times, shortBytes: random.integer(150) }
    case 3:
      return { operation: 'write', errno: 'ENOSPC', nth, times: 1 + random.integer(4), shortBytes: random.integer(150) }
    case 4:
      return { operation: 'write', shortBytes: 1 + random.integer(80), nth, times: 1 + random.integer(4) }
    case 5:
      return { operation: 'open', errno: 'EMFILE', nth, times: 1 + random.integer(3) }
    default:
      return { errno: 'EIO', nth, times: 1 }
  }
}
