import { describe, expect, it } from 'vitest'
import { AssertionError } from '../../protocol/assert.ts'
import {
  isStorageError,
  OffsetOutOfRange,
  StorageError,
  storageErrorOfErrno,
  toStorageError,
} from '../../storage/errors.ts'

describe('StorageError', () => {
  it.each([
    ['ENOSPC', 'NO_SPACE'],
    ['EDQUOT', 'NOT_WRITABLE'],
    ['EROFS', 'NOT_WRITABLE'],
    ['EACCES', 'NOT_WRITABLE'],
    ['EFBIG', 'NOT_WRITABLE'],
    ['EMFILE', 'TOO_MANY_FILES'],
    ['ENFILE', 'TOO_MANY_FILES'],
    ['ENOENT', 'NOT_FOUND'],
    ['EIO', 'IO'],
    ['ESTALE', 'IO'],
  ])('calls %s %s', (errno, code) => {
    expect(storageErrorOfErrno(errno, 'write', '/a')).toMatchObject({ code, errno, path: '/a' })
  })

  it('keeps what it was made of, and stays itself', () => {
    const cause = Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' })
    const error = toStorageError(cause, 'write', '/a')
    expect(error).toMatchObject({ code: 'IO', cause, message: 'cannot write /a: EIO: i/o error, write' })
    expect(toStorageError(error, 'read', '/b')).toBe(error)
    expect(isStorageError(error, 'IO')).toBe(true)
    expect(isStorageError(error, 'CORRUPT')).toBe(false)
    expect(isStorageError(cause, 'IO')).toBe(false)
  })

  it('does not swallow a broken assertion', () => {
    expect(() => toStorageError(new AssertionError('ours'), 'write', '/a')).toThrow(AssertionError)
  })

  it('is not what a reader outside of the log gets', () => {
    const error = new OffsetOutOfRange(7, 10, 20)
    expect(error).not.toBeInstanceOf(StorageError)
    expect(error.message).toBe('offset 7 is outside of [10, 20]')
  })
})
