import { StorageError, toStorageError } from './errors.ts'
import type { PooledFile } from './open-files.ts'

/** How many of the batches are wholly in the file, and what stopped the rest. */
export interface WriteOutcome {
  readonly written: number
  readonly error: StorageError | undefined
}

/**
 * Writes whole batches at the end of a segment, in one gathered call in the usual case. After an error the file ends
 * with the last whole batch; if not even that can be brought about, the error is one that ends the directory's session.
 * @param sizeBytes of all batches
 * @param position where the segment ends
 */
export function writeBatches(
  file: PooledFile,
  batches: readonly Buffer[],
  sizeBytes: number,
  position: number,
): WriteOutcome {
  let bytes = 0
  try {
    const open = file.get()
    bytes = open.writeSync(batches, position)
    while (bytes < sizeBytes) {
      // The last write before a full disk is a short one that reports success; the next one tells why.
      const more = open.writeSync(restOf(batches, bytes), position + bytes)
      if (more === 0) throw new StorageError('NO_SPACE', file.path, `nothing more can be written to ${file.path}`)
      bytes += more
    }
    return { written: batches.length, error: undefined }
  } catch (error) {
    return cutBack(file, batches, bytes, position, toStorageError(error, 'write', file.path))
  }
}

function cutBack(
  file: PooledFile,
  batches: readonly Buffer[],
  bytes: number,
  position: number,
  error: StorageError,
): WriteOutcome {
  let written = 0
  let whole = 0
  while (written < batches.length && whole + batches[written]!.length <= bytes) whole += batches[written++]!.length
  // Without a descriptor nothing was written, and nothing can be cut.
  if (error.code === 'TOO_MANY_FILES' && bytes === 0) return { written, error }
  try {
    file.get().truncate(position + whole)
    return { written, error }
  } catch (cause) {
    const message = `${file.path} could not be cut back after a failed write: ${error.message}`
    return { written, error: new StorageError('IO', file.path, message, { cause }) }
  }
}

function restOf(batches: readonly Buffer[], bytes: number): Buffer[] {
  let index = 0
  let left = bytes
  while (left >= batches[index]!.length) left -= batches[index++]!.length
  return [batches[index]!.subarray(left), ...batches.slice(index + 1)]
}
