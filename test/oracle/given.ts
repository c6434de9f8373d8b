/** What cases stand on: topics, records, commits. Done by plain requests that are not compared. */
import { OffsetCommit } from '../../protocol/apis/group-offsets.ts'
import { ListOffsets } from '../../protocol/apis/list-offsets.ts'
import { Metadata } from '../../protocol/apis/metadata.ts'
import { Produce } from '../../protocol/apis/produce.ts'
import { CreateTopics } from '../../protocol/apis/topics.ts'
import { type BatchToWrite, buildBatch } from '../../protocol/records/batch-builder.ts'
import type { Given } from './scenario.ts'
import type { Stage } from './stage.ts'

/** Timestamps of records: fixed, so that answers about them can be compared; in the past, and not too far. */
export const T0 = Date.UTC(2026, 0, 1)

export interface TopicOptions {
  readonly partitions?: number
  readonly configs?: Readonly<Record<string, string>>
}

/** A topic that is ready for use, not only created. */
export const aTopic =
  (label: string, { partitions = 1, configs = {} }: TopicOptions = {}): Given =>
  async ($) => {
    const name = $.topic(label)
    // Records of a fixed past would be due for deletion.
    const kept = { 'retention.ms': '-1', ...configs }
    const { topics } = await $.quietly(CreateTopics, 7, {
      topics: [{ name, numPartitions: partitions, replicationFactor: 1, configs: pairs(kept) }],
      timeoutMs: 10_000,
    })
    if (topics[0]?.errorCode !== 0) throw new Error(`cannot create ${name}: ${topics[0]?.errorMessage}`)
    for (let tries = 0; !(await isReady($, name, partitions)); tries++) {
      if (tries === 200) throw new Error(`${name} does not get ready`)
      await $.pause(20)
    }
  }

async function isReady($: Stage, name: string, partitions: number): Promise<boolean> {
  const { topics } = await $.quietly(Metadata, 12, { topics: [{ name }], allowAutoTopicCreation: false })
  if (topics[0]?.errorCode !== 0 || topics[0].partitions.some(({ errorCode }) => errorCode !== 0)) return false
  const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1 }))
  const offsets = await $.quietly(ListOffsets, 7, { replicaId: -1, topics: [{ name, partitions: asked }] })
  return offsets.topics[0]!.partitions.every(({ errorCode }) => errorCode === 0)
}

export const pairs = (configs: Readonly<Record<string, string | null>>) =>
  Object.entries(configs).map(([name, value]) => ({ name, value }))

export type BatchOptions = Omit<BatchToWrite, 'records'>

/** A batch of these values, one second apart. `key=value` has a key; `=value` the empty one. */
export const aBatch = (values: readonly string[], options: BatchOptions = {}): Buffer =>
  buildBatch({
    baseTimestamp: options.baseTimestamp ?? T0,
    ...options,
    records: values.map((text, index) => ({
      ...keyAndValue(text),
      timestamp: (options.baseTimestamp ?? T0) + index * 1000,
    })),
  })

function keyAndValue(text: string): { key?: Buffer; value: Buffer } {
  const [key, value] = text.split('=')
  return value === undefined ? { value: Buffer.from(text) } : { key: Buffer.from(key!), value: Buffer.from(value) }
}

/** A batch appended to partition 0, or another. */
export const records =
  (label: string, values: readonly string[], options: BatchOptions & { readonly partition?: number } = {}): Given =>
  async ($) => {
    const { partition = 0, ...batch } = options
    const { responses } = await $.quietly(Produce, 9, {
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: $.topic(label), partitionData: [{ index: partition, records: aBatch(values, batch) }] }],
    })
    const [answer] = responses[0]!.partitionResponses
    if (answer!.errorCode !== 0) throw new Error(`cannot append: ${answer!.errorMessage}`)
  }

/** A commit from outside of the group, for partition 0, or another. */
export const aCommit =
  (group: string, label: string, offset: bigint, metadata: string | null = null, partition = 0): Given =>
  ($) =>
    $.quietly(OffsetCommit, 7, {
      groupId: $.group(group),
      generationIdOrMemberEpoch: -1,
      topics: [
        {
          name: $.topic(label),
          partitions: [
            {
              partitionIndex: partition,
              committedOffset: offset,
              committedLeaderEpoch: 0,
              committedMetadata: metadata,
            },
          ],
        },
      ],
    })
