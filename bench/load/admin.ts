/** What a bench needs around a run: topics of its own, and the broker's word on how much is in them. */
import { ApiVersions } from '../../protocol/apis/api-versions.ts'
import { ListOffsets } from '../../protocol/apis/list-offsets.ts'
import { CreateTopics, DeleteTopics } from '../../protocol/apis/topics.ts'
import { errorName } from '../../protocol/errors.ts'
import { Connection } from './connection.ts'
import type { Address, Topic } from './jobs.ts'

const TIMEOUT_MS = 60_000
const LATEST = -1

export async function createTopic(broker: Address, name: string, partitions: number): Promise<Topic> {
  const topic = { name, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] }
  const { topics } = await once(broker, (connection) =>
    connection.call(CreateTopics, 7, { topics: [topic], timeoutMs: TIMEOUT_MS }),
  )
  const [made] = topics
  if (made === undefined || made.errorCode !== 0) {
    throw new Error(`cannot create topic ${name}: ${made?.errorMessage ?? errorName(made?.errorCode ?? -1)}`)
  }
  return { name, id: made.topicId, partitions }
}

export async function deleteTopic(broker: Address, topic: Topic): Promise<void> {
  const { responses } = await once(broker, (connection) =>
    connection.call(DeleteTopics, 6, { topics: [{ name: null, topicId: topic.id }], timeoutMs: TIMEOUT_MS }),
  )
  const errorCode = responses[0]?.errorCode ?? -1
  if (errorCode !== 0) throw new Error(`cannot delete topic ${topic.name}: ${errorName(errorCode)}`)
}

/** The end offset of each partition: in a topic of our own, how many records it took. */
export async function endOffsets(broker: Address, topic: Topic): Promise<number[]> {
  const partitions = Array.from({ length: topic.partitions }, (_, partitionIndex) => ({
    partitionIndex,
    currentLeaderEpoch: -1,
    timestamp: LATEST,
  }))
  const { topics } = await once(broker, (connection) =>
    connection.call(ListOffsets, 7, { replicaId: -1, isolationLevel: 0, topics: [{ name: topic.name, partitions }] }),
  )
  const offsets = new Array<number>(topic.partitions).fill(-1)
  for (const { partitionIndex, errorCode, offset } of topics[0]?.partitions ?? []) {
    if (errorCode !== 0) throw new Error(`no end offset of ${topic.name}-${partitionIndex}: ${errorName(errorCode)}`)
    offsets[partitionIndex] = offset
  }
  if (offsets.includes(-1)) throw new Error(`the broker did not answer for all partitions of ${topic.name}`)
  return offsets
}

/** Settles when the broker has answered an ApiVersions request on a new connection. */
export async function apiVersions(broker: Address): Promise<void> {
  const software = { clientSoftwareName: 'odradek-bench', clientSoftwareVersion: '1' }
  const { errorCode } = await once(broker, (connection) => connection.call(ApiVersions, 4, software))
  if (errorCode !== 0) throw new Error(`ApiVersions was answered with ${errorName(errorCode)}`)
}

async function once<T>(broker: Address, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.open(broker)
  try {
    return await use(connection)
  } finally {
    connection.close()
  }
}
