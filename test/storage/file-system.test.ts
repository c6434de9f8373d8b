import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { FileSystem } from '../../storage/file-system.ts'
import { readFully, readFullySync, writeFully } from '../../storage/file-system.ts'
import { MemoryFileSystem } from '../../storage/memory-file-system.ts'
import { NodeFileSystem } from '../../storage/node-file-system.ts'
import { FaultyFileSystem } from '../support/faulty-file-system.ts'

const temporaryFolders: string[] = []
afterEach(() => {
  for (const folder of temporaryFolders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function onDisk(): { fileSystem: FileSystem; root: string } {
  const root = mkdtempSync(join(tmpdir(), 'odradek-fs-'))
  temporaryFolders.push(root)
  return { fileSystem: new NodeFileSystem(), root }
}

function inMemory(): { fileSystem: FileSystem; root: string } {
  const fileSystem = new MemoryFileSystem({ tracksCrashes: true })
  fileSystem.mkdir('/data')
  return { fileSystem, root: '/data' }
}

const throughFaulty = () => {
  const { fileSystem, root } = inMemory()
  return { fileSystem: new FaultyFileSystem(fileSystem), root }
}

const text = (...parts: string[]): Buffer[] => parts.map((part) => Buffer.from(part))

describe.each([
  ['the real one', onDisk],
  ['the one in memory', inMemory],
  ['the faulty one, while no fault is armed', throughFaulty],
])('FileSystem, %s', (_name, make) => {
  it('writes buffers one after another and reads them back, at once and later', async () => {
    const { fileSystem, root } = make()
    const file = fileSystem.open(`${root}/a`, 'create')
    expect(file.writeSync(text('hello ', 'big ', 'world'), 0)).toBe(15)
    expect(file.writeSync(text('BIG'), 6)).toBe(3)
    expect(file.size()).toBe(15)
    const buffer = Buffer.alloc(9)
    expect(file.readSync(buffer, 6)).toBe(9)
    expect(buffer.toString()).toBe('BIG world')
    expect(await file.read(buffer, 10)).toBe(5)
    expect(buffer.subarray(0, 5).toString()).toBe('world')
    expect(file.readSync(buffer, 15)).toBe(0)
    file.close()
  })

  it('cuts a file, and fills it with zeros when it grows again', async () => {
    const { fileSystem, root } = make()
    const file = fileSystem.open(`${root}/a`, 'create')
    file.writeSync(text('0123456789'), 0)
    file.truncate(4)
    file.truncate(6)
    file.writeSync(text('x'), 8)
    await file.datasync()
    file.datasyncSync()
    await file.sync()
    file.syncSync()
    file.close()
    expect(fileSystem.readFile(`${root}/a`)).toEqual(Buffer.from('0123\0\0\0\0x'))
  })

  it('opens by mode: existing, new, either, emptied', () => {
    const { fileSystem, root } = make()
    const path = `${root}/a`
    expect(() => fileSystem.open(path, 'read')).toThrow(expect.objectContaining({ code: 'NOT_FOUND', path }))
    expect(() => fileSystem.open(path, 'write')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    const created = fileSystem.open(path, 'create')
    created.writeSync(text('abc'), 0)
    created.close()
    expect(() => fileSystem.open(path, 'create')).toThrow(expect.objectContaining({ code: 'EXISTS' }))
    fileSystem.open(path, 'openOrCreate').close()
    expect(fileSystem.readFile(path).toString()).toBe('abc')
    const reader = fileSystem.open(path, 'read')
    expect(() => reader.writeSync(text('x'), 0)).toThrow(expect.objectContaining({ code: 'IO' }))
    reader.close()
    fileSystem.open(path, 'replace').close()
    expect(fileSystem.readFile(path)).toHaveLength(0)
  })

  it('refuses to use a closed file, and closes it twice without a word', async () => {
    const { fileSystem, root } = make()
    const file = fileSystem.open(`${root}/a`, 'create')
    file.close()
    file.close()
    const closed = expect.objectContaining({ code: 'CLOSED' })
    expect(() => file.writeSync(text('x'), 0)).toThrow(closed)
    expect(() => file.readSync(Buffer.alloc(1), 0)).toThrow(closed)
    expect(() => file.truncate(0)).toThrow(closed)
    await expect(file.read(Buffer.alloc(1), 0)).rejects.toThrow(closed)
    await expect(file.datasync()).rejects.toThrow(closed)
  })

  it('renames over what is there, lists by name, removes', async () => {
    const { fileSystem, root } = make()
    fileSystem.mkdir(`${root}/b/c`)
    fileSystem.mkdir(`${root}/b/c`)
    for (const name of ['2', '1', '3']) fileSystem.open(`${root}/b/${name}`, 'create').close()
    fileSystem.rename(`${root}/b/3`, `${root}/b/1`)
    expect(fileSystem.readdir(`${root}/b`)).toEqual([
      { name: '1', kind: 'file' },
      { name: '2', kind: 'file' },
      { name: 'c', kind: 'folder' },
    ])
    fileSystem.unlink(`${root}/b/2`)
    expect(() => fileSystem.unlink(`${root}/b/2`)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    await fileSystem.removeFile(`${root}/b/2`)
    await fileSystem.removeFile(`${root}/b/1`)
    expect(fileSystem.stat(`${root}/b/1`)).toBeUndefined()
    await fileSystem.removeFolder(`${root}/b`)
    await fileSystem.removeFolder(`${root}/b`)
    expect(fileSystem.exists(`${root}/b`)).toBe(false)
    expect(() => fileSystem.readdir(`${root}/b`)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
    await fileSystem.syncFolder(root)
    fileSystem.syncFolderSync(root)
    await expect(fileSystem.syncFolder(`${root}/b`)).rejects.toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
  })

  it('refuses to read a file that is larger than expected', () => {
    const { fileSystem, root } = make()
    const file = fileSystem.open(`${root}/a`, 'create')
    file.writeSync([Buffer.alloc(100)], 0)
    file.close()
    expect(fileSystem.readFile(`${root}/a`, 100)).toHaveLength(100)
    expect(() => fileSystem.readFile(`${root}/a`, 99)).toThrow(expect.objectContaining({ code: 'CORRUPT' }))
  })

  it('tells size and kind of a path, and the space of its device', () => {
    const { fileSystem, root } = make()
    const file = fileSystem.open(`${root}/a`, 'create')
    file.writeSync([Buffer.alloc(10_000)], 0)
    file.close()
    expect(fileSystem.stat(`${root}/a`)).toMatchObject({ kind: 'file', sizeBytes: 10_000 })
    expect(fileSystem.stat(root)).toMatchObject({ kind: 'folder' })
    const { totalBytes, usableBytes } = fileSystem.statfs(root)
    expect(usableBytes).toBeGreaterThan(0)
    expect(totalBytes).toBeGreaterThanOrEqual(usableBytes)
  })

  it('locks a path once', () => {
    const { fileSystem, root } = make()
    const lock = fileSystem.lock(`${root}/.lock`)
    expect(() => fileSystem.lock(`${root}/.lock`)).toThrow(
      expect.objectContaining({ code: 'LOCKED', message: expect.stringContaining(`pid ${process.pid}`) }),
    )
    lock.release()
    lock.release()
    fileSystem.lock(`${root}/.lock`).release()
  })
})

describe('writeFully and readFully', () => {
  it('go on after short writes, also in the middle of a buffer and between two', () => {
    for (let short = 0; short <= 12; short++) {
      const { fileSystem } = inMemory()
      const faulty = new FaultyFileSystem(fileSystem)
      const file = faulty.open('/data/a', 'create')
      faulty.fail({ operation: 'write', shortBytes: short, times: 2 })
      writeFully(file, text('abc', '', 'defgh', 'ijkl'), 2)
      expect(faulty.readFile('/data/a').toString()).toBe('\0\0abcdefghijkl')
    }
  })

  it('stop at the end of the file', async () => {
    const { fileSystem } = inMemory()
    const file = fileSystem.open('/data/a', 'create')
    writeFully(file, text('abc'), 0)
    writeFully(file, [], 3)
    const buffer = Buffer.alloc(5)
    expect(readFullySync(file, buffer, 1)).toBe(2)
    expect(await readFully(file, buffer, 0)).toBe(3)
    expect(buffer.subarray(0, 3).toString()).toBe('abc')
  })
})
