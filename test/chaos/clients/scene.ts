import type { Random } from '../../../broker/runtime/random.ts'
import type { RecordToWrite } from '../../../protocol/records/batch-builder.ts'
import type { History } from '../history.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly isCompacted: boolean
  /** Its oldest records are deleted now and then. */
  readonly isTrimmed: boolean
}

/** What all clients of a campaign share. */
export interface Scene {
  readonly port: number
  readonly history: History
  /** For choices; a client that draws from it in an order that depends on time draws other numbers in another run. */
  readonly random: Random
  readonly partitions: readonly TopicPartition[]
  /** Of the members of groups. */
  readonly sessionTimeoutMs: number
  /** Whether they leave, or forget who they are, now and then. */
  readonly membersLeave: boolean
  /** False when clients are to come to an end: what is under way is finished, nothing new is begun. */
  readonly isRunning: () => boolean
}

/** A client at work. Ends by itself when the scene does. */
export interface Client {
  run(): Promise<void>
}

export const nameOf = ({ topic, partition }: Pick<TopicPartition, 'topic' | 'partition'>): string =>
  `${topic}-${partition}`

export function pick<T>(random: Random, from: readonly T[]): T {
  const chosen = from[random.integer(from.length)]
  if (chosen === undefined) throw new Error('nothing to choose from')
  return chosen
}

/** True `percent` times of a hundred. */
export const chance = (random: Random, percent: number): boolean => random.integer(100) < percent

/** The keys of so many values for this partition; undefined where it is not compacted, and needs none. */
export const keysFor = (random: Random, { isCompacted }: TopicPartition, count: number): string[] | undefined =>
  isCompacted ? Array.from({ length: count }, () => `key ${random.integer(KEYS)}`) : undefined

/** A record of this value; some have a header of up to a few pages, so that batches and writes have many sizes. */
export function recordOf(random: Random, value: string, key: string | undefined): RecordToWrite {
  const padding = { key: 'padding', value: Buffer.alloc(random.integer(6_000), value) }
  return {
    value: Buffer.from(value),
    key: key === undefined ? null : Buffer.from(key),
    headers: chance(random, 30) ? [padding] : [],
    timestamp: Date.now(),
  }
}

/** Few enough that most of a compacted log is superseded soon. */
const KEYS = 40

/** Items with the same topic together, in the order of first appearance: most requests are written that way. */
export function byTopic<T extends { readonly topic: string }>(items: readonly T[]): { topic: string; items: T[] }[] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(item.topic)
    if (group === undefined) groups.set(item.topic, [item])
    else group.push(item)
  }
  return [...groups].map(([topic, grouped]) => ({ topic, items: grouped }))
}
