import { crc32c } from '../../../protocol/records/crc32c.ts'
import type { ImageFolder } from './image.ts'

/**
 * The batches in a partition's folder that are whole and in their place: at or after the base offset of their segment,
 * before the next segment, after the batch before. Written without the code that is tested, from the format alone:
 *
 *   0 base offset (8) | 8 length of the rest (4) | 16 magic (1) | 17 CRC-32C of 21.. (4) | 23 last offset delta (4)
 */
export function goodBatches(folder: ImageFolder): Buffer[] {
  const segments = [...folder.entries]
    .filter(([name, node]) => /^\d{20}\.log$/.test(name) && node.kind === 'file')
    .map(([name, node]) => ({ base: Number(name.slice(0, 20)), bytes: node.kind === 'file' ? node.bytes : EMPTY }))
    .sort((a, b) => a.base - b.base)
  const good: Buffer[] = []
  for (const [index, { base, bytes }] of segments.entries()) {
    const limit = segments[index + 1]?.base ?? Number.MAX_SAFE_INTEGER
    let expected = base
    for (let position = 0; position + HEADER <= bytes.length; ) {
      const found = batchAt(bytes, position, expected, limit)
      if (found === undefined) position++
      else {
        good.push(found.batch)
        expected = found.next
        position += found.batch.length
      }
    }
  }
  return good
}

function batchAt(bytes: Buffer, position: number, expected: number, limit: number) {
  if (bytes[position + 16] !== 2) return undefined
  const size = 12 + bytes.readInt32BE(position + 8)
  if (size < HEADER || position + size > bytes.length) return undefined
  const base = Number(bytes.readBigInt64BE(position))
  const next = base + bytes.readInt32BE(position + 23) + 1
  if (base < expected || next <= base || next > limit) return undefined
  if (crc32c(bytes, position + 21, position + size) !== bytes.readUInt32BE(position + 17)) return undefined
  return { batch: bytes.subarray(position, position + size), next }
}

const HEADER = 61
const EMPTY = Buffer.alloc(0)
