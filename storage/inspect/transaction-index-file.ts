import { readInt64 } from '../../protocol/records/int64.ts'
import { StorageError } from '../errors.ts'
import type { FileSystem } from '../file-system.ts'
import type { AbortedEntry } from '../transaction-index.ts'

const ENTRY_BYTES = 34

/** The aborted transactions in a `.txnindex`; see transaction-index.ts. @throws {StorageError} CORRUPT, NOT_FOUND */
export function readTransactionIndex(fileSystem: FileSystem, path: string): AbortedEntry[] {
  const bytes = fileSystem.readFile(path)
  const refuse = (why: string) => new StorageError('CORRUPT', path, `${path}: ${why}`)
  if (bytes.length % ENTRY_BYTES !== 0) throw refuse(`the file ends within an entry, after ${bytes.length} bytes`)
  return Array.from({ length: bytes.length / ENTRY_BYTES }, (_, index) => {
    const at = index * ENTRY_BYTES
    const version = bytes.readInt16BE(at)
    const entry = {
      producerId: readInt64(bytes, at + 2),
      firstOffset: readInt64(bytes, at + 10),
      lastOffset: readInt64(bytes, at + 18),
      lastStableOffset: readInt64(bytes, at + 26),
    }
    if (version !== 0) throw refuse(`entry ${index} has version ${version}`)
    if (entry.firstOffset > entry.lastOffset) throw refuse(`entry ${index} ends before it begins`)
    return entry
  })
}
