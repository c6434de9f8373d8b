import { decodeStored, storedVersion } from '../protocol/schema/stored.ts'
import {
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
  RECORD_TYPE,
} from '../protocol/stored/consumer-offsets.ts'
import { MalformedError } from '../protocol/wire/malformed.ts'

/**
 * What a record of `__consumer_offsets` says: a committed offset, or the state of a group; `deleted` for a tombstone.
 * @returns undefined for records of a kind that is not known, and for those that are not as they should be
 */
export function decodeOffsetsRecord(key: Buffer | null, value: Buffer | null): object | undefined {
  if (key === null) return undefined
  try {
    switch (storedVersion(key)) {
      case RECORD_TYPE.legacyOffsetCommit:
      case RECORD_TYPE.offsetCommit:
        return offsetCommit(key, value)
      case RECORD_TYPE.groupMetadata:
        return groupMetadata(key, value)
      default:
        return undefined
    }
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}

function offsetCommit(key: Buffer, value: Buffer | null): object {
  const { group, topic, partition } = decodeStored(OffsetCommitKey, key).value
  const where = { group, topic, partition }
  if (value === null) return { ...where, deleted: true }
  const { offset, leaderEpoch, metadata, commitTimestamp } = decodeStored(OffsetCommitValue, value).value
  // As text: it may be any 64-bit number.
  return { ...where, committed: String(offset), leaderEpoch, metadata, commitTimestamp }
}

function groupMetadata(key: Buffer, value: Buffer | null): object {
  const { group } = decodeStored(GroupMetadataKey, key).value
  if (value === null) return { group, deleted: true }
  const { protocolType, generation, protocol, leader, members } = decodeStored(GroupMetadataValue, value).value
  return {
    group,
    protocolType,
    generation,
    protocol,
    leader,
    members: members.map(({ memberId, groupInstanceId, clientId, clientHost, sessionTimeout }) => ({
      memberId,
      groupInstanceId,
      clientId,
      clientHost,
      sessionTimeout,
    })),
  }
}
