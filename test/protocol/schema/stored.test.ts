import { describe, expect, it } from 'vitest'
import { decodeStored, encodeStored, storedVersion } from '../../../protocol/schema/stored.ts'
import { GroupMetadataKey, OffsetCommitKey, OffsetCommitValue } from '../../../protocol/stored/consumer-offsets.ts'
import { MalformedError } from '../../../protocol/wire/malformed.ts'
import { ZERO_UUID } from '../../../protocol/wire/reader.ts'

describe('Stored records', () => {
  it('have the type of a record in front of its key', () => {
    const key = encodeStored(OffsetCommitKey, 1, { group: 'g', topic: 't', partition: 2 })
    expect(key.toString('hex')).toBe('0001 000167 000174 00000002'.replaceAll(' ', ''))
    expect(storedVersion(key)).toBe(1)
    expect(storedVersion(encodeStored(GroupMetadataKey, 2, { group: 'g' }))).toBe(2)
    expect(decodeStored(OffsetCommitKey, key)).toEqual({ version: 1, value: { group: 'g', topic: 't', partition: 2 } })
  })

  it('have the version of the structure in front of a value', () => {
    const value = {
      offset: 2n ** 63n - 1n,
      leaderEpoch: 4,
      metadata: '',
      commitTimestamp: 1_700_000_000_000,
      expireTimestamp: -1,
      topicId: ZERO_UUID,
    }
    const bytes = encodeStored(OffsetCommitValue, 3, value)
    expect(storedVersion(bytes)).toBe(3)
    expect(decodeStored(OffsetCommitValue, bytes)).toEqual({ version: 3, value })
  })

  it('are malformed when damaged or written by a version that we do not know', () => {
    expect(() => decodeStored(OffsetCommitValue, Buffer.from('0005', 'hex'))).toThrow(MalformedError)
    expect(() => decodeStored(OffsetCommitValue, Buffer.from('ffff', 'hex'))).toThrow(MalformedError)
    expect(() => decodeStored(OffsetCommitValue, Buffer.from('000300', 'hex'))).toThrow(MalformedError)
    expect(() => storedVersion(Buffer.from([0]))).toThrow(MalformedError)
  })
})
