import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { File } from '../../storage/file-system.ts'
import { writeFully } from '../../storage/file-system.ts'
import { MemoryFileSystem } from '../../storage/memory-file-system.ts'

function withFolder(): MemoryFileSystem {
  const fileSystem = new MemoryFileSystem({ tracksCrashes: true })
  fileSystem.mkdir('/data')
  return fileSystem
}

const put = (file: File, text: string, position = 0) => writeFully(file, [Buffer.from(text)], position)
const content = (fileSystem: MemoryFileSystem, path: string) => fileSystem.readFile(path).toString()

describe('MemoryFileSystem, after a power cut', () => {
  it('has lost bytes that no sync covered, and has those that one did', async () => {
    const fileSystem = withFolder()
    const file = fileSystem.open('/data/a', 'create')
    fileSystem.syncFolderSync('/data')
    put(file, 'synced')
    await file.datasync()
    put(file, ' and more', 6)
    put(file, 'S')
    expect(content(fileSystem.crash(), '/data/a')).toBe('synced')
    expect(content(fileSystem, '/data/a')).toBe('Synced and more')
  })

  it('has lost what was written after the sync began', async () => {
    const fileSystem = withFolder()
    const file = fileSystem.open('/data/a', 'create')
    fileSystem.syncFolderSync('/data')
    put(file, 'before')
    const syncing = file.datasync()
    put(file, ' during', 6)
    expect(content(fileSystem.crash(), '/data/a')).toBe('')
    await syncing
    expect(content(fileSystem.crash(), '/data/a')).toBe('before')
  })

  it('has names as of the last sync of their folder', () => {
    const fileSystem = withFolder()
    const old = fileSystem.open('/data/old', 'create')
    put(old, 'old')
    old.syncSync()
    fileSystem.syncFolderSync('/data')
    const draft = fileSystem.open('/data/draft', 'create')
    put(draft, 'new')
    draft.syncSync()
    expect(fileSystem.crash().exists('/data/draft')).toBe(false)
    fileSystem.rename('/data/draft', '/data/old')
    expect(content(fileSystem.crash(), '/data/old')).toBe('old')
    expect(content(fileSystem.crash({ namesSurvive: () => true }), '/data/old')).toBe('new')
    fileSystem.syncFolderSync('/data')
    expect(content(fileSystem.crash(), '/data/old')).toBe('new')
    fileSystem.mkdir('/data/folder')
    fileSystem.unlink('/data/old')
    expect(fileSystem.crash().readdir('/data')).toEqual([{ name: 'old', kind: 'file' }])
  })

  it('may have kept any pages of what was not synced, with zeros for those between', () => {
    const fileSystem = withFolder()
    const file = fileSystem.open('/data/a', 'create')
    fileSystem.syncFolderSync('/data')
    put(file, 'a'.repeat(4096))
    file.datasyncSync()
    put(file, 'b'.repeat(3 * 4096), 4096)
    const torn = fileSystem.crash({ pageSurvives: (path, page) => path === '/data/a' && page === 2 })
    expect(content(torn, '/data/a')).toBe('a'.repeat(4096) + '\0'.repeat(4096) + 'b'.repeat(4096))
  })

  it('may have kept a cut that was not synced, or not', () => {
    const fileSystem = withFolder()
    const file = fileSystem.open('/data/a', 'create')
    fileSystem.syncFolderSync('/data')
    put(file, 'x'.repeat(10_000))
    file.datasyncSync()
    file.truncate(100)
    expect(content(fileSystem.crash(), '/data/a')).toBe('x'.repeat(10_000))
    expect(content(fileSystem.crash({ pageSurvives: () => true }), '/data/a')).toBe('x'.repeat(100))
  })

  it('is free of locks, can crash again, and leaves the first untouched', () => {
    const fileSystem = withFolder()
    fileSystem.lock('/data/.lock')
    fileSystem.syncFolderSync('/data')
    const after = fileSystem.crash()
    after.lock('/data/.lock')
    const file = after.open('/data/a', 'create')
    put(file, 'x')
    expect(after.crash().exists('/data/a')).toBe(false)
    expect(after.kill().readFile('/data/a').toString()).toBe('x')
    expect(fileSystem.exists('/data/a')).toBe(false)
  })

  it('holds: synced bytes survive, whatever was done, and a kill loses nothing', () => {
    const position = fc.integer({ min: 0, max: 140_000 })
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('write' as const),
        position,
        bytes: fc.uint8Array({ minLength: 1, maxLength: 9000 }),
      }),
      fc.record({ kind: fc.constant('truncate' as const), position }),
      fc.record({ kind: fc.constant('sync' as const) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const fileSystem = withFolder()
        const file = fileSystem.open('/data/a', 'create')
        fileSystem.syncFolderSync('/data')
        let now = Buffer.alloc(0)
        let synced = now
        for (const action of steps) {
          if (action.kind === 'write') {
            writeFully(file, [Buffer.from(action.bytes)], action.position)
            const grown = Buffer.alloc(Math.max(now.length, action.position + action.bytes.length))
            now.copy(grown)
            grown.set(action.bytes, action.position)
            now = grown
          } else if (action.kind === 'truncate') {
            file.truncate(action.position)
            const cut = Buffer.alloc(action.position)
            now.copy(cut)
            now = cut
          } else {
            file.datasyncSync()
            synced = now
          }
        }
        expect(fileSystem.readFile('/data/a').equals(now)).toBe(true)
        expect(fileSystem.crash().readFile('/data/a').equals(synced)).toBe(true)
        expect(fileSystem.kill().readFile('/data/a').equals(now)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})

describe('MemoryFileSystem, when it is full', () => {
  it('writes what fits and says how much, then fails, then takes more once there is space', () => {
    const fileSystem = new MemoryFileSystem({ capacityBytes: 10 })
    const file = fileSystem.open('/a', 'create')
    expect(file.writeSync([Buffer.from('1234'), Buffer.from('56789')], 0)).toBe(9)
    expect(file.writeSync([Buffer.from('abc')], 9)).toBe(1)
    expect(() => file.writeSync([Buffer.from('bc')], 10)).toThrow(
      expect.objectContaining({ code: 'NO_SPACE', errno: 'ENOSPC' }),
    )
    expect(file.writeSync([Buffer.from('over')], 0)).toBe(4)
    expect(fileSystem.statfs('/').usableBytes).toBe(0)
    file.truncate(4)
    expect(file.writeSync([Buffer.from('xyz')], 4)).toBe(3)
    fileSystem.unlink('/a')
    expect(fileSystem.statfs('/')).toEqual({ totalBytes: 10, usableBytes: 10 })
  })

  it('keeps the time of the last change', () => {
    let now = 1000
    const fileSystem = new MemoryFileSystem({ clock: { wallTime: () => now } })
    const file = fileSystem.open('/a', 'create')
    put(file, 'x')
    now = 2000
    expect(fileSystem.stat('/a')?.modifiedMs).toBe(1000)
    file.truncate(0)
    expect(fileSystem.stat('/a')?.modifiedMs).toBe(2000)
  })

  it('tells wrong kinds of paths apart, as a disk does', () => {
    const fileSystem = new MemoryFileSystem()
    fileSystem.mkdir('/folder/inner')
    fileSystem.open('/file', 'create').close()
    expect(() => fileSystem.open('/folder', 'read')).toThrow(expect.objectContaining({ errno: 'EISDIR' }))
    expect(() => fileSystem.unlink('/folder')).toThrow(expect.objectContaining({ errno: 'EISDIR' }))
    expect(() => fileSystem.mkdir('/file/below')).toThrow(expect.objectContaining({ errno: 'ENOTDIR' }))
    expect(() => fileSystem.readdir('/file')).toThrow(expect.objectContaining({ errno: 'ENOTDIR' }))
    expect(() => fileSystem.rename('/file', '/folder')).toThrow(expect.objectContaining({ errno: 'ENOTEMPTY' }))
    expect(() => fileSystem.rename('/none', '/file')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    expect(() => fileSystem.open('/none/file', 'create')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    expect(() => fileSystem.open('/', 'read')).toThrow(expect.objectContaining({ errno: 'EISDIR' }))
  })
})
