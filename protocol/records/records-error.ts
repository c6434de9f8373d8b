import type { ErrorName } from '../errors.ts'

/** Why records cannot be read, in the words of Kafka's error table. */
export type RecordsErrorName = Extract<
  ErrorName,
  'CORRUPT_MESSAGE' | 'INVALID_RECORD' | 'MESSAGE_TOO_LARGE' | 'UNSUPPORTED_COMPRESSION_TYPE'
>

/**
 * Records that are not what their batch says: broken framing, damaged compression, more output than is allowed.
 * The one error that reading records throws, whatever it is fed. `error` is what a client would be told:
 * INVALID_RECORD in general, MESSAGE_TOO_LARGE when the output bound was hit, UNSUPPORTED_COMPRESSION_TYPE for ids
 * 5 to 7, CORRUPT_MESSAGE when the batch itself is not whole.
 */
export class RecordsError extends Error {
  override readonly name = 'RecordsError'
  readonly error: RecordsErrorName

  constructor(error: RecordsErrorName, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.error = error
  }
}

/** Framing or compression that makes no sense. */
export function invalid(message: string, cause?: unknown): RecordsError {
  return new RecordsError('INVALID_RECORD', message, { cause })
}

/** The output bound was hit. */
export function tooLarge(maxBytes: number): RecordsError {
  return new RecordsError('MESSAGE_TOO_LARGE', `the records take more than ${maxBytes} bytes when decompressed`)
}
