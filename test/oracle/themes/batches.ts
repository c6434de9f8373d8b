/** Appending what is no good batch. */
import { Produce } from '../../../protocol/apis/produce.ts'
import { aBatch, aTopic } from '../given.ts'
import { changed, to } from '../produce-request.ts'
import { each, theme } from '../scenario.ts'

const given = { given: [aTopic('t', { partitions: 2 })] }
const ab = aBatch(['a', 'b'])

const badBatches: readonly (readonly [string, Buffer | null])[] = [
  ['null records', null],
  ['empty records', Buffer.alloc(0)],
  ['one byte', Buffer.from([1])],
  ['a cut header', ab.subarray(0, 30)],
  ['a cut batch', ab.subarray(0, ab.length - 1)],
  ['a batch and a byte', Buffer.concat([ab, Buffer.from([0])])],
  ['two batches', Buffer.concat([ab, aBatch(['c'])])],
  ['a wrong CRC', changed((bytes) => bytes.writeUInt8(bytes[17]! ^ 1, 17), { crc: false })],
  [
    'a changed value',
    changed((bytes) => bytes.writeUInt8(bytes[bytes.length - 2]! ^ 1, bytes.length - 2), { crc: false }),
  ],
  ['magic 0', changed((bytes) => bytes.writeInt8(0, 16))],
  ['magic 1', changed((bytes) => bytes.writeInt8(1, 16))],
  ['magic 3', changed((bytes) => bytes.writeInt8(3, 16))],
  ['magic -1', changed((bytes) => bytes.writeInt8(-1, 16))],
  ['a batch length of 0', changed((bytes) => bytes.writeInt32BE(0, 8))],
  ['a negative batch length', changed((bytes) => bytes.writeInt32BE(-1, 8))],
  ['a batch length of 48', changed((bytes) => bytes.writeInt32BE(48, 8))],
  ['a huge batch length', changed((bytes) => bytes.writeInt32BE(0x7fffffff, 8))],
  ['a base offset of 7', changed((bytes) => bytes.writeBigInt64BE(7n, 0))],
  ['a base offset of -1', changed((bytes) => bytes.writeBigInt64BE(-1n, 0))],
  ['a leader epoch of 9', changed((bytes) => bytes.writeInt32BE(9, 12))],
  ['a count of 3 for 2', changed((bytes) => bytes.writeInt32BE(3, 57))],
  ['a count of 1 for 2', changed((bytes) => bytes.writeInt32BE(1, 57))],
  ['a count of 0', changed((bytes) => bytes.writeInt32BE(0, 57))],
  ['a count of -1', changed((bytes) => bytes.writeInt32BE(-1, 57))],
  ['a last offset delta of 5', changed((bytes) => bytes.writeInt32BE(5, 23))],
  ['a last offset delta of -1', changed((bytes) => bytes.writeInt32BE(-1, 23))],
  ['a last offset delta of 0', changed((bytes) => bytes.writeInt32BE(0, 23))],
  [
    'count and last delta wrong alike',
    changed((bytes) => {
      bytes.writeInt32BE(4, 23)
      bytes.writeInt32BE(5, 57)
    }),
  ],
  ['codec 5', changed((bytes) => bytes.writeInt16BE(5, 21))],
  ['codec 7', changed((bytes) => bytes.writeInt16BE(7, 21))],
  ['gzip that is none', changed((bytes) => bytes.writeInt16BE(1, 21))],
  ['zstd that is none', changed((bytes) => bytes.writeInt16BE(4, 21))],
  ['the bit of log append time', changed((bytes) => bytes.writeInt16BE(8, 21))],
  ['the transactional bit without a producer', changed((bytes) => bytes.writeInt16BE(16, 21))],
  ['the control bit', changed((bytes) => bytes.writeInt16BE(32, 21))],
  ['the bit of the delete horizon', changed((bytes) => bytes.writeInt16BE(64, 21))],
  ['a reserved bit', changed((bytes) => bytes.writeInt16BE(128, 21))],
  ['all reserved bits', changed((bytes) => bytes.writeInt16BE(-128, 21))],
  ['a base timestamp of -1', aBatch(['a'], { baseTimestamp: -1 })],
  ['a base timestamp of 0', aBatch(['a'], { baseTimestamp: 0 })],
  ['a max timestamp below the base', changed((bytes) => bytes.writeBigInt64BE(1n, 35))],
  ['a max timestamp of -1', changed((bytes) => bytes.writeBigInt64BE(-1n, 35))],
  ['a producer without an epoch', changed((bytes) => bytes.writeBigInt64BE(5n, 43))],
  [
    'a producer and epoch without a sequence',
    changed((bytes) => {
      bytes.writeBigInt64BE(5n, 43)
      bytes.writeInt16BE(0, 51)
    }),
  ],
  ['an epoch without a producer', changed((bytes) => bytes.writeInt16BE(0, 51))],
  ['a sequence without a producer', changed((bytes) => bytes.writeInt32BE(0, 53))],
  ['a far future', aBatch(['a'], { baseTimestamp: Date.UTC(2100, 0, 1) })],
  ['a record with a wrong length', changed((bytes) => bytes.writeUInt8(bytes[61]! + 2, 61))],
  ['a record with a length of -1', changed((bytes) => bytes.writeUInt8(1, 61))],
  ['a record with a wrong offset delta', changed((bytes) => bytes.writeUInt8(8, 64))],
]

const bad = badBatches.map(([what, bytes]) =>
  each(Produce, what, ($, version) => to($, version, 't', [{ records: bytes }]), { ...given, versions: [7, 13] }),
)

const moreBad = [
  each(
    Produce,
    'a bad and a good partition',
    ($, version) =>
      to($, version, 't', [
        { records: changed((bytes) => bytes.writeUInt8(0, 17), { crc: false }) },
        { index: 1, records: ab },
      ]),
    given,
  ),
  each(
    Produce,
    'magic 1 in an old version',
    ($, version) => to($, version, 't', [{ records: changed((bytes) => bytes.writeInt8(1, 16)) }]),
    { ...given, versions: [3, 6] },
  ),
  each(
    Produce,
    'zstd in an old version',
    ($, version) => to($, version, 't', [{ records: changed((bytes) => bytes.writeInt16BE(4, 21)) }]),
    { ...given, versions: [3, 6] },
  ),
  each(
    Produce,
    'two batches in an old version',
    ($, version) => to($, version, 't', [{ records: Buffer.concat([ab, ab]) }]),
    { ...given, versions: [3, 6] },
  ),
]

export const batches = theme('batches', [...bad, ...moreBad])
