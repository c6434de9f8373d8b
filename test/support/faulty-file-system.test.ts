import { describe, expect, it } from 'vitest'
import { MemoryFileSystem } from '../../storage/memory-file-system.ts'
import { FaultyFileSystem } from './faulty-file-system.ts'

const faulty = () => new FaultyFileSystem(new MemoryFileSystem())

describe('FaultyFileSystem', () => {
  it('fails the nth call of a kind, so many times, and then no more', async () => {
    const fileSystem = faulty()
    const file = fileSystem.open('/a', 'create')
    fileSystem.fail({ operation: 'datasync', nth: 2, times: 2, errno: 'EIO' })
    const io = expect.objectContaining({ code: 'IO', errno: 'EIO', path: '/a' })
    await file.datasync()
    await expect(file.datasync()).rejects.toThrow(io)
    expect(() => file.datasyncSync()).toThrow(io)
    await file.datasync()
    expect(fileSystem.calls.filter(({ operation }) => operation === 'datasync')).toHaveLength(4)
  })

  it('fails only paths that match, for ever if asked to, until healed', () => {
    const fileSystem = faulty()
    fileSystem.fail({ path: '.index', errno: 'ENOSPC', times: Infinity })
    fileSystem.open('/a.log', 'create')
    for (let n = 0; n < 3; n++) {
      expect(() => fileSystem.open('/a.index', 'create')).toThrow(expect.objectContaining({ code: 'NO_SPACE' }))
      expect(() => fileSystem.exists('/a.index')).toThrow(expect.objectContaining({ code: 'NO_SPACE' }))
    }
    fileSystem.heal()
    expect(fileSystem.exists('/a.index')).toBe(false)
  })

  it('writes a part: as a short write that reports success, or torn by an error', () => {
    const fileSystem = faulty()
    const file = fileSystem.open('/a', 'create')
    fileSystem.fail({ operation: 'write', shortBytes: 4 })
    expect(file.writeSync([Buffer.from('abc'), Buffer.from('def')], 0)).toBe(4)
    fileSystem.fail({ operation: 'write', shortBytes: 1, errno: 'EIO' })
    expect(() => file.writeSync([Buffer.from('efg')], 4)).toThrow(expect.objectContaining({ code: 'IO' }))
    expect(fileSystem.readFile('/a').toString()).toBe('abcde')
    fileSystem.fail({ operation: 'write', errno: 'EIO' })
    expect(() => file.writeSync([Buffer.from('x')], 0)).toThrow()
    expect(fileSystem.readFile('/a').toString()).toBe('abcde')
  })

  it('holds a sync for as long as a test likes', async () => {
    const fileSystem = faulty()
    const file = fileSystem.open('/a', 'create')
    const hold = fileSystem.hold('datasync', '/a')
    let isDone = false
    const syncing = file.datasync().then(() => {
      isDone = true
    })
    await file.sync()
    expect(isDone).toBe(false)
    expect(hold.waiting).toBe(1)
    hold.release()
    await syncing
    expect(hold.waiting).toBe(0)
    await file.datasync()
  })

  it('tells all calls in their order', async () => {
    const fileSystem = faulty()
    fileSystem.mkdir('/d')
    const file = fileSystem.open('/d/a.tmp', 'create')
    file.writeSync([Buffer.from('x')], 0)
    await file.datasync()
    fileSystem.rename('/d/a.tmp', '/d/a')
    await fileSystem.syncFolder('/d')
    expect(fileSystem.calls.map(({ operation, path }) => `${operation} ${path}`)).toEqual([
      'mkdir /d',
      'open /d/a.tmp',
      'write /d/a.tmp',
      'datasync /d/a.tmp',
      'rename /d/a.tmp',
      'syncFolder /d',
    ])
  })
})
