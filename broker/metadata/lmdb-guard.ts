import { dirname } from 'node:path'
import { type FileSystem, writeFully } from '../../storage/file-system.ts'
import { canReadLmdbFiles, DamagedLmdbFile, readLmdbFile } from './lmdb-file.ts'
import { isSound, keyOf } from './lmdb-values.ts'
import { MetadataStoreError } from './store.ts'

/** Beyond it the file is not read as a whole: a hundred thousand partitions take some 20 MiB. */
const MAX_FILE_BYTES = 1 << 30

/** A file that holds less was never committed to. */
export const META_BYTES = 2 * 4096

/**
 * Looks at an LMDB file before LMDB does, which believes what it reads: damage in a page's header makes it return less
 * than was there, write over pages that are in use, or end the process; and a broker that ends so at each start tells
 * nobody why.
 *
 * Damage that entries may have been lost by is for an operator. Damage in the rest (the list of free pages, the fields of
 * the commits) is repaired: the entries, all proven to be there, are written to a new file, and the damaged one is kept
 * beside it.
 * @param write makes an LMDB file with these entries at a path, and closes it again
 * @param report told when the file was written anew
 * @throws {MetadataStoreError} CORRUPT, with the file and the position
 */
export async function guardLmdbFile(
  path: string,
  fileSystem: FileSystem,
  write: (path: string, entries: readonly (readonly [Buffer, Buffer])[]) => Promise<void>,
  report: (facts: object, message: string) => void,
): Promise<void> {
  const sizeBytes = fileSystem.stat(path)?.sizeBytes ?? 0
  if (!canReadLmdbFiles || sizeBytes <= META_BYTES || sizeBytes > MAX_FILE_BYTES) return
  const file = fileSystem.readFile(path, MAX_FILE_BYTES)
  const { entries, doubt } = read(path, file)
  if (doubt === undefined) return
  const [damaged, rebuilt] = [`${path}.damaged`, `${path}.rebuilt`]
  keep(fileSystem, damaged, file)
  await fileSystem.removeFile(rebuilt)
  await write(rebuilt, entries)
  await fileSystem.removeFile(`${rebuilt}-lock`)
  fileSystem.rename(rebuilt, path)
  await fileSystem.removeFile(`${path}-lock`)
  await fileSystem.syncFolder(dirname(path))
  report({ file: path, problem: doubt, kept: damaged }, 'metadata file is damaged beside its entries; written anew')
}

/** What is wrong with the bytes of a metadata file, for those who only look; undefined if nothing is, or nothing can be told. */
export function metadataFileProblem(file: Buffer): string | undefined {
  if (!canReadLmdbFiles || file.length <= META_BYTES) return undefined
  try {
    const { entries, doubt } = readLmdbFile(file, isSound)
    const bad = entries.find(([key, value]) => !isSound(key, value))
    return doubt ?? (bad === undefined ? undefined : `the metadata of ${keyOf(bad[0])} does not match its checksum`)
  } catch (error) {
    if (!(error instanceof DamagedLmdbFile)) throw error
    return error.message
  }
}

function read(path: string, file: Buffer) {
  try {
    return readLmdbFile(file, isSound)
  } catch (cause) {
    if (!(cause instanceof DamagedLmdbFile)) throw cause
    const message = `${path} is damaged: ${cause.message}; put back a copy of it (see docs/backup.md)`
    throw new MetadataStoreError('CORRUPT', message, cause)
  }
}

function keep(fileSystem: FileSystem, path: string, bytes: Buffer): void {
  const copy = fileSystem.open(path, 'replace')
  try {
    writeFully(copy, [bytes], 0)
    copy.syncSync()
  } finally {
    copy.close()
  }
}
