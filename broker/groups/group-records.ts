/**
 * Events of groups as records of `__consumer_offsets`, in the versions that Kafka 4.3 writes, so that its tools
 * (`kafka-dump-log --offsets-decoder`) read ours and a Kafka can be started on a copy of our data.
 */
import { assert, unreachable } from '../../protocol/assert.ts'
import * as batch from '../../protocol/records/batch.ts'
import { readMarker } from '../../protocol/records/control.ts'
import { readRecords } from '../../protocol/records/record.ts'
import { decodeStored, encodeStored, type StoredOf, storedVersion } from '../../protocol/schema/stored.ts'
import {
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
  RECORD_TYPE,
} from '../../protocol/stored/consumer-offsets.ts'
import type { EventFormat, LogRecord } from '../coordinator/shard-log.ts'
import type { CommittedOffset, GroupEvent, StoredGroup } from './events.ts'

/** Version 4 is flexible and holds no more; Kafka 4.3 does not write it yet. */
const groupVersion = 3
/** The first with the topic's id. */
const offsetVersion = 4
/** Used exactly for commits with a retention of their own: the only version that has a field for it (and no topic id). */
const offsetVersionWithExpiry = 1

export const groupRecords: EventFormat<GroupEvent> = { write: writeEvent, read: readEvents }

function writeEvent(event: GroupEvent): LogRecord {
  switch (event.kind) {
    case 'groupStored':
      return {
        key: groupKey(event.groupId),
        value: encodeStored(GroupMetadataValue, groupVersion, toValue(event.group)),
      }
    case 'groupDeleted':
      return { key: groupKey(event.groupId), value: null }
    case 'offsetCommitted':
      return { key: offsetKey(event.groupId, event.topic, event.partition), value: offsetValue(event.committed) }
    case 'offsetDeleted':
      return { key: offsetKey(event.groupId, event.topic, event.partition), value: null }
    case 'offsetPending':
    case 'transactionEnded':
      return assert(false, 'transactional batches and markers are not written by the group shard') as never
    default:
      return unreachable(event)
  }
}

/** What the producer id of the batch says decides what a commit in it means; a marker ends a transaction. */
function readEvents(batches: Buffer, apply: (event: GroupEvent) => void): void {
  batch.walkBatches(batches, 0, batches.length, (at) => {
    const producerId = batch.producerId(batches, at)
    if (batch.isControl(batches, at)) {
      const marker = readMarker(batches, at)
      if (marker !== undefined) apply({ kind: 'transactionEnded', producerId, committed: marker.type === 'COMMIT' })
      return
    }
    for (const { key, value } of readRecords(batches, at)) {
      const event = key === null ? undefined : readEvent(key, value)
      if (event === undefined) continue
      const isPending = event.kind === 'offsetCommitted' && batch.isTransactional(batches, at)
      apply(isPending ? { ...event, kind: 'offsetPending', producerId } : event)
    }
  })
}

/** Records of kinds that are not ours (consumer and share groups of a Kafka whose data we took over) are passed over. */
function readEvent(key: Buffer, value: Buffer | null): GroupEvent | undefined {
  switch (storedVersion(key)) {
    case RECORD_TYPE.legacyOffsetCommit:
    case RECORD_TYPE.offsetCommit: {
      const { group: groupId, topic, partition } = decodeStored(OffsetCommitKey, key).value
      if (value === null) return { kind: 'offsetDeleted', groupId, topic, partition }
      return { kind: 'offsetCommitted', groupId, topic, partition, committed: fromOffsetValue(value) }
    }
    case RECORD_TYPE.groupMetadata: {
      const { group: groupId } = decodeStored(GroupMetadataKey, key).value
      if (value === null) return { kind: 'groupDeleted', groupId }
      return { kind: 'groupStored', groupId, group: fromValue(decodeStored(GroupMetadataValue, value).value) }
    }
    default:
      return undefined
  }
}

const groupKey = (group: string): Buffer => encodeStored(GroupMetadataKey, RECORD_TYPE.groupMetadata, { group })

const offsetKey = (group: string, topic: string, partition: number): Buffer =>
  encodeStored(OffsetCommitKey, RECORD_TYPE.offsetCommit, { group, topic, partition })

const offsetValue = (committed: CommittedOffset): Buffer =>
  encodeStored(OffsetCommitValue, committed.expireTimestampMs === -1 ? offsetVersion : offsetVersionWithExpiry, {
    offset: committed.offset,
    leaderEpoch: committed.leaderEpoch,
    metadata: committed.metadata,
    commitTimestamp: committed.commitTimestampMs,
    expireTimestamp: committed.expireTimestampMs,
    topicId: committed.topicId,
  })

function fromOffsetValue(value: Buffer): CommittedOffset {
  const read = decodeStored(OffsetCommitValue, value).value
  return {
    topicId: read.topicId,
    offset: read.offset,
    leaderEpoch: read.leaderEpoch,
    metadata: read.metadata,
    commitTimestampMs: read.commitTimestamp,
    expireTimestampMs: read.expireTimestamp,
  }
}

const toValue = (group: StoredGroup): StoredOf<typeof GroupMetadataValue> => ({
  protocolType: group.protocolType,
  generation: group.generation,
  protocol: group.protocolName,
  leader: group.leader,
  currentStateTimestamp: group.stateTimestampMs,
  members: group.members.map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeout: member.rebalanceTimeoutMs,
    sessionTimeout: member.sessionTimeoutMs,
    subscription: member.subscription,
    assignment: member.assignment,
  })),
})

/** Bytes are copied: a view would keep the whole piece of the log in memory. */
const fromValue = (value: StoredOf<typeof GroupMetadataValue>): StoredGroup => ({
  protocolType: value.protocolType,
  generation: value.generation,
  protocolName: value.protocol,
  leader: value.leader,
  stateTimestampMs: value.currentStateTimestamp,
  members: value.members.map((member) => ({
    memberId: member.memberId,
    instanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeout,
    sessionTimeoutMs: member.sessionTimeout,
    subscription: Buffer.from(member.subscription),
    assignment: Buffer.from(member.assignment),
  })),
})
