import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DamagedLmdbFile, readLmdbFile } from '../../../broker/metadata/lmdb-file.ts'
import { LmdbStore } from '../../../broker/metadata/lmdb-store.ts'
import { MetadataStoreError, type Op } from '../../../broker/metadata/store.ts'
import { NodeFileSystem } from '../../../storage/node-file-system.ts'
import { temporaryFolder } from '../../support/broker-process.ts'

const fileSystem = new NodeFileSystem()
const put = (key: string, bytes: number): Op => ({ put: key, value: Buffer.alloc(bytes, key) })

/** What a store says, for comparison. */
async function everythingIn(store: LmdbStore): Promise<string> {
  const { revision, items } = await store.list('')
  return JSON.stringify([
    String(revision),
    items.map(({ key, value, modRevision }) => [key, String(modRevision), value.toString()]),
  ])
}

/** A closed file with branches, large values, free pages and a list of them. */
async function filledFile(path: string): Promise<{ bytes: Buffer; content: string }> {
  const store = await LmdbStore.open(path, fileSystem)
  for (let i = 0; i < 50; i++) await store.txn([], [put(`topics/${i}`, i === 7 ? 9000 : 120), put(`parts/${i}`, 40)])
  for (let i = 0; i < 20; i++) await store.txn([], [{ delete: `topics/${i * 2}` }])
  const content = await everythingIn(store)
  await store.close()
  return { bytes: readFileSync(path), content }
}

function replace(path: string, bytes: Buffer): void {
  writeFileSync(path, bytes)
  rmSync(`${path}-lock`, { force: true })
}

describe('An LMDB file read without LMDB', () => {
  it('has what LMDB says, and nothing to doubt, whatever was done to it', async () => {
    const path = join(temporaryFolder(), 'odradek.mdb')
    const key = fc.integer({ min: 0, max: 300 }).map((n) => `${'k'.repeat(n % 25)}${n}`)
    const op = fc.oneof(
      { weight: 3, arbitrary: fc.tuple(key, fc.integer({ min: 0, max: 300 })).map(([name, size]) => put(name, size)) },
      {
        weight: 1,
        arbitrary: fc.tuple(key, fc.integer({ min: 3000, max: 20_000 })).map(([name, size]) => put(name, size)),
      },
      { weight: 2, arbitrary: key.map((name): Op => ({ delete: name })) },
    )
    const nameOf = (one: Op) => ('put' in one ? one.put : 'delete' in one ? one.delete : '')
    const txn = fc.uniqueArray(op, { selector: nameOf, minLength: 1, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(txn, fc.boolean()), { minLength: 1, maxLength: 30 }), async (txns) => {
        rmSync(path, { force: true })
        rmSync(`${path}-lock`, { force: true })
        let store = await LmdbStore.open(path, fileSystem)
        for (const [ops, reopens] of txns) {
          await store.txn([], ops)
          const { entries, doubt } = readLmdbFile(readFileSync(path), () => true)
          expect(doubt).toBeUndefined()
          const keys = entries.map(([name]) => name.toString()).filter((name) => name.startsWith('k'))
          expect(keys).toEqual((await store.list('')).items.map(({ key: name }) => `k${name}`))
          if (!reopens) continue
          await store.close()
          store = await LmdbStore.open(path, fileSystem)
        }
        await store.close()
      }),
      { numRuns: 25 },
    )
  }, 60_000)

  it('D08: with any bit flipped is as before, or repaired, or refused with the position; LMDB never falls over it', async () => {
    const path = join(temporaryFolder(), 'odradek.mdb')
    const { bytes, content } = await filledFile(path)
    const outcomes = { same: 0, repaired: 0, refused: 0 }
    // Mostly of the two pages of commits, and a sample of the rest.
    const bits: number[] = []
    for (let bit = 0; bit < 170 * 8; bit += 3) bits.push(bit, 4096 * 8 + bit)
    for (let bit = 8192 * 8; bit < bytes.length * 8; bit += 331) bits.push(bit)
    for (const bit of bits) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      replace(path, flipped)
      const reports: object[] = []
      try {
        const store = await LmdbStore.open(path, fileSystem, (facts) => reports.push(facts))
        expect(await everythingIn(store), `bit ${bit}`).toBe(content)
        await store.close()
        outcomes[reports.length > 0 ? 'repaired' : 'same']++
      } catch (error) {
        if (!(error instanceof MetadataStoreError)) throw error
        expect(error, `bit ${bit}`).toMatchObject({ code: 'CORRUPT', message: expect.stringContaining(path) })
        outcomes.refused++
      }
    }
    for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(50)
  }, 120_000)

  it('D08: that lost a page, its end, or all but its head is refused before LMDB can fall over it', async () => {
    const path = join(temporaryFolder(), 'odradek.mdb')
    const { bytes } = await filledFile(path)
    const zeroed = (page: number) => Buffer.from(bytes).fill(0, page * 4096, page * 4096 + 4096)
    const broken = [bytes.subarray(0, 8193), bytes.subarray(0, 5 * 4096), zeroed(0), zeroed(1)]
    for (const content of broken) {
      replace(path, content)
      await expect(LmdbStore.open(path, fileSystem)).rejects.toMatchObject({ code: 'CORRUPT' })
    }
    let refused = 0
    for (let page = 2; page < bytes.length / 4096; page++) {
      try {
        readLmdbFile(zeroed(page), () => true)
      } catch (error) {
        expect(error).toBeInstanceOf(DamagedLmdbFile)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(3)
  })

  it('D08: with a damaged list of free pages is written anew; the damaged file stays beside it', async () => {
    const path = join(temporaryFolder(), 'odradek.mdb')
    const { bytes, content } = await filledFile(path)
    const damaged = Buffer.from(bytes)
    // The number of the last page, in both pages of commits.
    for (const at of [144, 4096 + 144]) damaged.writeBigUInt64LE(damaged.readBigUInt64LE(at) + 1000n, at)
    replace(path, damaged)
    const reports: [object, string][] = []
    const store = await LmdbStore.open(path, fileSystem, (facts, message) => reports.push([facts, message]))
    expect(await everythingIn(store)).toBe(content)
    await store.txn([], [put('more', 5000)])
    await store.close()
    expect(reports).toMatchObject([[{ file: path, problem: expect.stringContaining('position') }, expect.any(String)]])
    expect(readFileSync(`${path}.damaged`).equals(damaged)).toBe(true)
    expect(existsSync(`${path}.rebuilt`)).toBe(false)
    const again = await LmdbStore.open(path, fileSystem)
    expect((await again.get('more'))?.value).toHaveLength(5000)
    await again.close()
  })
})
