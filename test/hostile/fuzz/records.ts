import * as batch from '../../../protocol/records/batch.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { crc32c } from '../../../protocol/records/crc32c.ts'
import type { Dice } from './dice.ts'
import type { Facts } from './facts.ts'

const CRC_AT = 17
const CRC_FROM = 21

/** Record batches as producers send them, most of them good. */
export function someRecords(dice: Dice, facts: Facts): Buffer {
  const producer = facts.producers.pick(dice)
  const count = dice.chance(90) ? dice.between(1, 3) : dice.between(1, 100)
  const records = Array.from({ length: count }, () => ({
    key: dice.chance(50) ? dice.bytes(dice.below(8)) : null,
    value: dice.chance(90) ? dice.bytes(dice.below(dice.chance(95) ? 40 : 2_000)) : null,
    headers: dice.chance(80) ? [] : [{ key: 'h', value: dice.chance(50) ? null : Buffer.from('v') }],
  }))
  const bytes = buildBatch({
    records,
    baseTimestamp: Date.now() - dice.below(1_000),
    compression: dice.chance(80) ? 'none' : dice.pick(['gzip', 'snappy', 'lz4'] as const),
    ...(producer.id < 0
      ? {}
      : { producerId: producer.id, producerEpoch: producer.epoch, baseSequence: producer.sequence }),
  })
  if (producer.id >= 0) producer.sequence += count
  return dice.chance(85) ? bytes : broken(bytes, dice)
}

/** Mostly with a checksum that is right again, so that what is wrong has to be found by other means. */
function broken(bytes: Buffer, dice: Dice): Buffer {
  switch (dice.below(8)) {
    case 0:
      return bytes.subarray(0, dice.below(bytes.length))
    case 1:
      return Buffer.concat([bytes, bytes])
    case 2:
      return Buffer.concat([bytes, dice.bytes(dice.between(1, 70))])
    case 3:
      return Buffer.alloc(0)
    case 4:
      bytes.writeInt32BE(dice.pick([0, -1, 1, 2 ** 31 - 1, -(2 ** 31), 48, 49]), 8)
      return bytes
    default: {
      const changes = dice.between(1, 3)
      for (let i = 0; i < changes; i++) {
        // Half of them in the header behind the checksum, where each field has a meaning.
        const at = dice.chance(50)
          ? dice.between(CRC_FROM, batch.BATCH_HEADER_BYTES - 1)
          : dice.between(0, bytes.length - 1)
        bytes[at] = dice.pick([0, 1, 0x7f, 0x80, 0xff, dice.below(256)])
      }
      if (dice.chance(80)) bytes.writeUInt32BE(crc32c(bytes, CRC_FROM, bytes.length), CRC_AT)
      return bytes
    }
  }
}
