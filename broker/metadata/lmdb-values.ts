import { crc32 } from 'node:zlib'
import type { Entry } from './local-store.ts'
import { MetadataStoreError, type Revision } from './store.ts'

/*
 * LMDB keys:    0x72 "r"         revision of the store (8) | crc32 (4)
 *               0x6b "k" <key>   an entry:
 *
 *   | crc32 (4) | format = 1 (1) | createRevision (8) | modRevision (8) | session (8) | value … |
 *
 * The checksum covers the LMDB key and all that follows it: LMDB's pages have none, and return a flipped bit as data.
 */
export const REVISION_KEY = Buffer.from('r')
const REVISION_BYTES = 8 + 4
const FORMAT = 1
const HEADER_BYTES = 4 + 1 + 8 + 8 + 8

/** The key of an entry in LMDB. */
export const lmdbKey = (key: string): Buffer => Buffer.from(`k${key}`)

/** The key of an entry, from that in LMDB. */
export const keyOf = (lmdbKey: Buffer): string => lmdbKey.toString('utf8', 1)

export function encode(key: Buffer, { value, createRevision, modRevision, session }: Entry): Buffer {
  const stored = Buffer.allocUnsafe(HEADER_BYTES + value.length)
  stored.writeUInt8(FORMAT, 4)
  stored.writeBigUInt64BE(createRevision, 5)
  stored.writeBigUInt64BE(modRevision, 13)
  stored.writeBigUInt64BE(session, 21)
  value.copy(stored, HEADER_BYTES)
  stored.writeUInt32BE(checksum(key, stored))
  return stored
}

/** @throws {MetadataStoreError} CORRUPT */
export function decode(key: Buffer, lent: Buffer): Entry {
  const stored = Buffer.from(lent) // what LMDB hands out is valid until its next call only
  const name = (): string => keyOf(key)
  if (!isSound(key, stored)) {
    throw new MetadataStoreError('CORRUPT', `the metadata of ${name()} does not match its checksum`)
  }
  if (stored[4] !== FORMAT) {
    throw new MetadataStoreError('CORRUPT', `the metadata of ${name()} has the unknown format ${stored[4]}`)
  }
  return {
    createRevision: stored.readBigUInt64BE(5),
    modRevision: stored.readBigUInt64BE(13),
    session: stored.readBigUInt64BE(21),
    value: stored.subarray(HEADER_BYTES),
  }
}

export function encodeRevision(revision: Revision): Buffer {
  const stamp = Buffer.alloc(REVISION_BYTES)
  stamp.writeBigUInt64BE(revision)
  stamp.writeUInt32BE(crc32(stamp.subarray(0, 8)), 8)
  return stamp
}

/** @throws {MetadataStoreError} CORRUPT */
export function decodeRevision(stamp: Buffer): Revision {
  if (!isSound(REVISION_KEY, stamp))
    throw new MetadataStoreError('CORRUPT', 'the revision of the metadata does not match its checksum')
  return stamp.readBigUInt64BE()
}

/** Do the bytes under an LMDB key match the checksum in them? */
export function isSound(key: Buffer, stored: Buffer): boolean {
  if (key.equals(REVISION_KEY))
    return stored.length === REVISION_BYTES && stored.readUInt32BE(8) === crc32(stored.subarray(0, 8))
  return stored.length >= HEADER_BYTES && stored.readUInt32BE() === checksum(key, stored)
}

const checksum = (key: Buffer, stored: Buffer): number => crc32(stored.subarray(4), crc32(key))
