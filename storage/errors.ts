/**
 * How storage fails. What the world did is a `StorageError` with a stable code; a reader's offset outside of the log is
 * an `OffsetOutOfRange`; a broken invariant of ours is an AssertionError (protocol/assert.ts), which nobody catches.
 * What a client did wrong is never thrown: it is a value with a Kafka error name.
 */

/**
 * - `LOCKED` another process uses the folder; the message names its pid
 * - `NO_SPACE` the device is full: refuse the append, go on by itself when there is space
 * - `NOT_WRITABLE` read-only, no permission, over quota, file too big for the device
 * - `TOO_MANY_FILES` the process or the machine is out of file descriptors: try again later
 * - `NOT_FOUND`, `EXISTS` the path is missing, or taken
 * - `CORRUPT` bytes are there, but they are not what was written
 * - `WRONG_CLUSTER` the folder belongs to another cluster or node
 * - `OFFLINE` the log directory ended its session after an earlier error
 * - `CLOSED` the file or log was closed by us
 * - `IO` everything else that the operating system refused
 */
export type StorageErrorCode =
  | 'LOCKED'
  | 'NO_SPACE'
  | 'NOT_WRITABLE'
  | 'TOO_MANY_FILES'
  | 'NOT_FOUND'
  | 'EXISTS'
  | 'CORRUPT'
  | 'WRONG_CLUSTER'
  | 'OFFLINE'
  | 'CLOSED'
  | 'IO'

/** The disk, or what lies on it, failed. Says what to do in `code`, where in `path`, and why in `message`. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode
  /** The file or folder concerned. */
  readonly path: string
  /** The operating system's own code (`EIO`, `ENOSPC`), if it was the one to refuse. */
  readonly errno: string | undefined

  constructor(code: StorageErrorCode, path: string, message: string, options?: { cause?: unknown; errno?: string }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.path = path
    this.errno = options?.errno
  }
}

/** A read at an offset below the log's start or above its end. Ordinary: consumers fall behind retention. */
export class OffsetOutOfRange extends Error {
  override readonly name = 'OffsetOutOfRange'
  readonly offset: number
  readonly logStartOffset: number
  readonly logEndOffset: number

  constructor(offset: number, logStartOffset: number, logEndOffset: number) {
    super(`offset ${offset} is outside of [${logStartOffset}, ${logEndOffset}]`)
    this.offset = offset
    this.logStartOffset = logStartOffset
    this.logEndOffset = logEndOffset
  }
}

/** Only a full device is waited out. EDQUOT is not: a quota is an operator's decision, as EROFS and EACCES are. */
const codeOfErrno = new Map<string, StorageErrorCode>([
  ['ENOSPC', 'NO_SPACE'],
  ['EDQUOT', 'NOT_WRITABLE'],
  ['EROFS', 'NOT_WRITABLE'],
  ['EACCES', 'NOT_WRITABLE'],
  ['EPERM', 'NOT_WRITABLE'],
  ['EFBIG', 'NOT_WRITABLE'],
  ['EMFILE', 'TOO_MANY_FILES'],
  ['ENFILE', 'TOO_MANY_FILES'],
  ['ENOENT', 'NOT_FOUND'],
  ['EEXIST', 'EXISTS'],
])

/**
 * The StorageError for an operating system's error code.
 * @param action what was tried, as a verb: `open`, `write`, `datasync`
 */
export function storageErrorOfErrno(errno: string, action: string, path: string, cause?: unknown): StorageError {
  const why = cause instanceof Error ? cause.message : errno
  return new StorageError(codeOfErrno.get(errno) ?? 'IO', path, `cannot ${action} ${path}: ${why}`, { cause, errno })
}

/** Wraps whatever a file operation threw. A StorageError stays itself; other errors of ours (asserts) are not I/O errors and are rethrown. */
export function toStorageError(thrown: unknown, action: string, path: string): StorageError {
  if (thrown instanceof StorageError) return thrown
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') {
    return storageErrorOfErrno(thrown.code, action, path, thrown)
  }
  throw thrown
}

/** Is it a StorageError with this code? */
export function isStorageError(error: unknown, code: StorageErrorCode): error is StorageError {
  return error instanceof StorageError && error.code === code
}
