import type { PartitionImage } from './image.ts'
import { type Refusal, refusal } from './refusal.ts'

/** Replicas of one partition as a client wants them. */
export interface WantedReplicas {
  readonly partition: number
  readonly brokers: readonly number[]
}

/** Kafka's limit on what one request may ask for; a thousand partitions take us some tenths of a second. */
export const MAX_PARTITIONS_PER_REQUEST = 10_000

/** The partition and replica counts of a new topic (AD-3); -1 takes the defaults. */
export function checkCounts(
  partitions: number,
  replicationFactor: number,
  brokers: ReadonlySet<number>,
): Refusal | undefined {
  if (replicationFactor === 0 || replicationFactor < -1) {
    return refusal(
      'INVALID_REPLICATION_FACTOR',
      'Replication factor must be larger than 0, or -1 to use the default value.',
    )
  }
  if (partitions === 0 || partitions < -1) {
    return refusal('INVALID_PARTITIONS', 'Number of partitions was set to an invalid non-positive value.')
  }
  if (replicationFactor > brokers.size) {
    return refusal(
      'INVALID_REPLICATION_FACTOR',
      `Unable to replicate the partition ${replicationFactor} time(s): The target replication factor of ${replicationFactor} cannot be reached because only ${brokers.size} broker(s) are registered or some brokers have all their log directories cordoned.`,
    )
  }
  return undefined
}

/** A manual assignment of a whole new topic (AD-4): partitions in order, from 0, without gaps. */
export function checkAssignments(
  wanted: readonly WantedReplicas[],
  counts: { readonly partitions: number; readonly replicationFactor: number },
  brokers: ReadonlySet<number>,
): readonly (readonly number[])[] | Refusal {
  if (counts.replicationFactor !== -1) {
    return refusal(
      'INVALID_REQUEST',
      'A manual partition assignment was specified, but replication factor was not set to -1.',
    )
  }
  if (counts.partitions !== -1) {
    return refusal(
      'INVALID_REQUEST',
      'A manual partition assignment was specified, but numPartitions was not set to -1.',
    )
  }
  const byPartition = new Map<number, readonly number[]>()
  for (const { partition, brokers: replicas } of wanted) {
    if (byPartition.has(partition)) {
      return refusal(
        'INVALID_REPLICA_ASSIGNMENT',
        `Found multiple manual partition assignments for partition ${partition}`,
      )
    }
    byPartition.set(partition, replicas)
  }
  const replicas = Array.from(byPartition, (_, at) => byPartition.get(at))
  if (replicas.includes(undefined)) {
    return refusal('INVALID_REPLICA_ASSIGNMENT', 'partitions should be a consecutive 0-based integer sequence')
  }
  const complete = replicas.filter((brokers) => brokers !== undefined)
  return checkReplicas(complete, complete[0]?.length ?? 0, brokers) ?? complete
}

/** Replica lists that a client wrote: known brokers, each once, as many as the topic has elsewhere (FS-8). */
export function checkReplicas(
  lists: readonly (readonly number[])[],
  replicationFactor: number,
  brokers: ReadonlySet<number>,
): Refusal | undefined {
  for (const replicas of lists) {
    const wrong = whatIsWrong(replicas, replicationFactor, brokers)
    if (wrong !== undefined) return refusal('INVALID_REPLICA_ASSIGNMENT', wrong)
  }
  return undefined
}

function whatIsWrong(
  replicas: readonly number[],
  replicationFactor: number,
  brokers: ReadonlySet<number>,
): string | undefined {
  if (replicas.length === 0) return 'The manual partition assignment includes an empty replica list.'
  for (const [at, id] of replicas.entries()) {
    if (!brokers.has(id)) {
      return `The manual partition assignment includes broker ${id}, but no such broker is registered.`
    }
    if (replicas.indexOf(id) !== at) {
      return `The manual partition assignment includes the broker ${id} more than once.`
    }
  }
  if (replicas.length !== replicationFactor) {
    return `The manual partition assignment includes a partition with ${replicas.length} replica(s), but this is not consistent with previous partitions, which have ${replicationFactor} replica(s).`
  }
  return undefined
}

/** New partitions over the brokers in turn, led by their first replica, in epoch 0. */
export function place(
  count: number,
  replicationFactor: number,
  brokers: ReadonlySet<number>,
  startAt = 0,
): PartitionImage[] {
  const ids = [...brokers].sort((a, b) => a - b)
  return Array.from({ length: count }, (_, at) =>
    newPartition(Array.from({ length: replicationFactor }, (_, k) => ids[(startAt + at + k) % ids.length]!)),
  )
}

export const newPartition = (replicas: readonly number[]): PartitionImage => ({
  leader: replicas[0] ?? -1,
  leaderEpoch: 0,
  replicas,
})
