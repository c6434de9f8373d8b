import { writeInt64 } from '../protocol/records/int64.ts'

/** An aborted transaction as a segment's index tells it to readers of committed records. */
export interface AbortedEntry {
  readonly producerId: number
  readonly firstOffset: number
  /** Offset of its marker. */
  readonly lastOffset: number
  /** Where the last stable offset stood once it was over. */
  readonly lastStableOffset: number
}

/**
 * `.txnindex`: the aborted transactions whose markers lie in the segment, in the order of the markers. A segment without
 * any has no such file.
 *
 *      0         2            10             18            26                   34
 *      +---------+------------+--------------+-------------+--------------------+
 *      | version | producerId | first offset | last offset | last stable offset |   version 0; all big-endian
 *      +---------+------------+--------------+-------------+--------------------+
 */
export function encodeTransactionIndex(entries: readonly AbortedEntry[]): Buffer {
  const bytes = Buffer.alloc(entries.length * ENTRY_BYTES)
  entries.forEach(({ producerId, firstOffset, lastOffset, lastStableOffset }, index) => {
    const at = index * ENTRY_BYTES
    writeInt64(bytes, producerId, at + 2)
    writeInt64(bytes, firstOffset, at + 10)
    writeInt64(bytes, lastOffset, at + 18)
    writeInt64(bytes, lastStableOffset, at + 26)
  })
  return bytes
}

const ENTRY_BYTES = 34
