import type { CommittedOffset } from './events.ts'

/** Committed offsets of the groups of one shard. Changes by written events alone. */
export class OffsetStore {
  readonly #committed = new GroupOffsets()
  /** By producer id: commits inside transactions that are still open. */
  readonly #pending = new Map<number, GroupOffsets>()

  get(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#committed.topics(groupId)?.get(topic)?.get(partition)
  }

  put(groupId: string, topic: string, partition: number, offset: CommittedOffset): void {
    this.#committed.put(groupId, topic, partition, offset)
  }

  /** Also what open transactions hold for the partition: they would bring back what was deleted. */
  delete(groupId: string, topic: string, partition: number): void {
    this.#committed.delete(groupId, topic, partition)
    for (const offsets of this.#pending.values()) offsets.delete(groupId, topic, partition)
  }

  /** Everything a group has committed, in the order in which topics and partitions came first. */
  *of(groupId: string): IterableIterator<readonly [topic: string, partition: number, offset: CommittedOffset]> {
    for (const [topic, partitions] of this.#committed.topics(groupId) ?? []) {
      for (const [partition, offset] of partitions) yield [topic, partition, offset]
    }
  }

  hasAny(groupId: string): boolean {
    return this.#committed.topics(groupId) !== undefined
  }

  /** Partitions, of all groups, that have an offset in one of these topics; those in open transactions too. */
  *inTopics(
    topics: ReadonlySet<string>,
  ): IterableIterator<readonly [groupId: string, topic: string, partition: number]> {
    yield* this.#committed.inTopics(topics)
    for (const offsets of this.#pending.values()) yield* offsets.inTopics(topics)
  }

  putPending(producerId: number, groupId: string, topic: string, partition: number, offset: CommittedOffset): void {
    const offsets = this.#pending.get(producerId) ?? new GroupOffsets()
    this.#pending.set(producerId, offsets)
    offsets.put(groupId, topic, partition, offset)
  }

  /** The transaction's offsets take effect, or are forgotten. */
  endTransaction(producerId: number, committed: boolean): void {
    const offsets = this.#pending.get(producerId)
    this.#pending.delete(producerId)
    if (!committed || offsets === undefined) return
    for (const [groupId, topic, partition, offset] of offsets.all()) this.put(groupId, topic, partition, offset)
  }

  isPending(groupId: string, topic: string, partition: number): boolean {
    for (const offsets of this.#pending.values()) {
      if (offsets.topics(groupId)?.get(topic)?.has(partition)) return true
    }
    return false
  }

  /** The group has offsets in an open transaction. */
  hasPending(groupId: string): boolean {
    for (const offsets of this.#pending.values()) {
      if (offsets.topics(groupId) !== undefined) return true
    }
    return false
  }
}

type Topics = Map<string, Map<number, CommittedOffset>>

/** group -> topic -> partition -> offset; an inner map that ran empty is taken out. */
class GroupOffsets {
  readonly #groups = new Map<string, Topics>()

  topics(groupId: string): Topics | undefined {
    return this.#groups.get(groupId)
  }

  put(groupId: string, topic: string, partition: number, offset: CommittedOffset): void {
    const topics = entry(this.#groups, groupId)
    const partitions = entry(topics, topic)
    partitions.set(partition, offset)
  }

  delete(groupId: string, topic: string, partition: number): void {
    const topics = this.#groups.get(groupId)
    const partitions = topics?.get(topic)
    if (topics === undefined || partitions === undefined) return
    partitions.delete(partition)
    if (partitions.size === 0) topics.delete(topic)
    if (topics.size === 0) this.#groups.delete(groupId)
  }

  *all(): IterableIterator<readonly [groupId: string, topic: string, partition: number, offset: CommittedOffset]> {
    for (const [groupId, topics] of this.#groups) {
      for (const [topic, partitions] of topics) {
        for (const [partition, offset] of partitions) yield [groupId, topic, partition, offset]
      }
    }
  }

  *inTopics(
    names: ReadonlySet<string>,
  ): IterableIterator<readonly [groupId: string, topic: string, partition: number]> {
    for (const [groupId, topics] of this.#groups) {
      for (const topic of names) {
        for (const partition of topics.get(topic)?.keys() ?? []) yield [groupId, topic, partition]
      }
    }
  }
}

/** The inner map under a key, made if it is not there. */
function entry<K, V extends Map<unknown, unknown>>(maps: Map<K, V>, key: K): V {
  const found = maps.get(key) ?? (new Map() as V)
  maps.set(key, found)
  return found
}
