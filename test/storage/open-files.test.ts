import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MemoryFileSystem, NodeFileSystem } from '../../storage/index.ts'
import { OpenFiles, PooledFile } from '../../storage/open-files.ts'
import { FaultyFileSystem } from '../support/faulty-file-system.ts'

function pool(limit: number, count: number) {
  const disk = new FaultyFileSystem(new MemoryFileSystem())
  disk.mkdir('/d')
  const files = new OpenFiles(disk, limit)
  const pooled = Array.from({ length: count }, (_, i) => {
    const file = new PooledFile(files, `/d/${i}`)
    file.create()
    file.get().writeSync([Buffer.from(`file ${i}`)], 0)
    return file
  })
  disk.calls.length = 0
  const opened = () => disk.calls.filter(({ operation }) => operation === 'open').map(({ path }) => path)
  return { disk, files, pooled, opened }
}

const contents = async (file: PooledFile) => {
  const buffer = Buffer.alloc(20)
  return String(buffer.subarray(0, await file.read(buffer, 0)))
}

describe('A bounded number of open files', () => {
  it('serves any number of them', async () => {
    const { files, pooled } = pool(3, 20)
    for (const [i, file] of pooled.entries()) expect(await contents(file)).toBe(`file ${i}`)
    expect(files.count).toBe(3)
  })

  it('does not close what is used again and again', async () => {
    const { pooled, opened } = pool(3, 10)
    await contents(pooled[0]!)
    for (const file of pooled.slice(1)) {
      await contents(file)
      await contents(pooled[0]!)
    }
    expect(opened().filter((path) => path === '/d/0').length).toBeLessThanOrEqual(1)
  })

  it('closes files with unsynced bytes last, but closes them rather than exceed the limit', () => {
    const { files, pooled, opened } = pool(3, 5)
    for (const file of pooled.slice(2)) file.get()
    const before = opened().length
    pooled[2]!.dirty = true
    pooled[3]!.dirty = true
    for (const clean of [0, 1, 4]) pooled[clean]!.get()
    for (const dirty of [2, 3]) pooled[dirty]!.get()
    expect(opened().slice(before)).toEqual(['/d/0', '/d/1', '/d/4'])
    pooled[4]!.dirty = true
    pooled[0]!.get()
    expect(files.count).toBe(3)
  })

  it('lets a read end whose file had to give its descriptor away', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'odradek-open-files-'))
    try {
      const files = new OpenFiles(new NodeFileSystem(), 1)
      const [one, other] = ['one', 'other'].map((name) => new PooledFile(files, join(folder, name)))
      for (const file of [one!, other!]) file.create()
      one!.get().writeSync([Buffer.from('still there')], 0)
      const reading = contents(one!)
      other!.get()
      expect(await reading).toBe('still there')
      expect(files.count).toBe(1)
      other!.close()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('opens nothing that was closed for good, and counts nothing that could not be opened', () => {
    const { disk, files, pooled } = pool(2, 2)
    pooled[0]!.close()
    expect(() => pooled[0]!.get()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    expect(files.count).toBe(1)
    pooled[1]!.evictNow()
    disk.fail({ operation: 'open', errno: 'EMFILE' })
    expect(() => pooled[1]!.get()).toThrow(expect.objectContaining({ code: 'TOO_MANY_FILES' }))
    expect(files.count).toBe(0)
    expect(pooled[1]!.get().size()).toBe(6)
  })
})

describe('A file system that became read-only', () => {
  it('I05: still gives what is on it, and refuses to be written', async () => {
    const { disk, files, pooled } = pool(1, 2)
    disk.fail({ operation: 'open', path: '/d/0', errno: 'EROFS', times: 1 })
    expect(await contents(pooled[0]!)).toBe('file 0')
    expect(files.count).toBe(1)
    disk.fail({ operation: 'open', path: '/d/0', errno: 'EROFS', times: Number.POSITIVE_INFINITY })
    expect(await contents(pooled[0]!)).toBe('file 0')
    expect(() => pooled[0]!.get()).toThrow(expect.objectContaining({ code: 'NOT_WRITABLE', errno: 'EROFS' }))
    disk.heal()
    pooled[0]!.get().writeSync([Buffer.from('written')], 0)
    expect(await contents(pooled[0]!)).toBe('written')
  })
})
