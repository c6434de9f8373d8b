import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NodeFileSystem } from '../../storage/node-file-system.ts'

const fileSystem = new NodeFileSystem()
let root = ''
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'odradek-nodefs-'))
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

describe('NodeFileSystem', () => {
  it('keeps folders and files to their owner', () => {
    fileSystem.mkdir(join(root, 'folder'))
    fileSystem.open(join(root, 'folder/file'), 'create').close()
    expect(fs.statSync(join(root, 'folder')).mode & 0o077).toBe(0)
    expect(fs.statSync(join(root, 'folder/file')).mode & 0o077).toBe(0)
  })

  it('does not follow a symbolic link', () => {
    fs.writeFileSync(join(root, 'secret'), 'x')
    fs.symlinkSync(join(root, 'secret'), join(root, 'link'))
    for (const mode of ['read', 'write', 'openOrCreate', 'replace'] as const) {
      expect(() => fileSystem.open(join(root, 'link'), mode)).toThrow(expect.objectContaining({ errno: 'ELOOP' }))
    }
    expect(fileSystem.stat(join(root, 'link'))?.kind).toBe('other')
    expect(fileSystem.readdir(root)).toContainEqual({ name: 'link', kind: 'other' })
  })

  it('lets what is under way end before it gives the descriptor back', async () => {
    const file = fileSystem.open(join(root, 'file'), 'create')
    file.writeSync([Buffer.from('abc')], 0)
    const buffer = Buffer.alloc(3)
    const underWay = [file.read(buffer, 0), file.datasync()]
    file.close()
    // The number would go to this file, if the first had been closed at once.
    fileSystem.open(join(root, 'other'), 'create').close()
    await Promise.all(underWay)
    expect(buffer.toString()).toBe('abc')
  })

  it('tells what the operating system said, in one line', () => {
    expect(() => fileSystem.open(join(root, 'no/such/file'), 'read')).toThrow(
      expect.objectContaining({
        code: 'NOT_FOUND',
        errno: 'ENOENT',
        message: expect.stringMatching(/^cannot open .*no\/such\/file: ENOENT/),
      }),
    )
  })
})

describe('The lock of a folder', () => {
  it('names the pid of the living process that holds it, and is free once that was killed', async () => {
    const other = spawn(process.execPath, ['-e', 'console.log("up"); setInterval(() => {}, 1000)'])
    try {
      await once(other.stdout, 'data')
      fs.writeFileSync(join(root, '.lock'), `${other.pid} ${startTime(other.pid!)} ${bootId()}\n`)
      expect(() => fileSystem.lock(join(root, '.lock'))).toThrow(
        expect.objectContaining({ code: 'LOCKED', message: expect.stringContaining(`pid ${other.pid}`) }),
      )
    } finally {
      other.kill('SIGKILL')
      await once(other, 'exit')
    }
    const lock = fileSystem.lock(join(root, '.lock'))
    expect(fs.readFileSync(join(root, '.lock'), 'utf8')).toMatch(new RegExp(`^${process.pid} `))
    lock.release()
    expect(fs.readdirSync(root)).toEqual([])
  })

  it.runIf(fs.existsSync('/proc/self/stat'))('is not held by a process that merely got the same pid', () => {
    // pid 1 always lives; but it did not start at tick 12345678901, or before another boot.
    fs.writeFileSync(join(root, '.lock'), `1 12345678901 ${bootId()}\n`)
    fileSystem.lock(join(root, '.lock')).release()
    fs.writeFileSync(join(root, '.lock'), `1 ${startTime(1)} 00000000-0000-0000-0000-000000000000\n`)
    fileSystem.lock(join(root, '.lock')).release()
    expect(fs.readdirSync(root)).toEqual([])
  })

  it('is taken over from a Kafka that is gone: its lock file stays behind, empty', () => {
    fs.writeFileSync(join(root, '.lock'), '')
    fileSystem.lock(join(root, '.lock')).release()
  })

  it('does not take away what another has put in its place', () => {
    const lock = fileSystem.lock(join(root, '.lock'))
    fs.writeFileSync(join(root, '.lock'), 'somebody else')
    lock.release()
    expect(fs.readFileSync(join(root, '.lock'), 'utf8')).toBe('somebody else')
  })

  it('says so when the folder is not there', () => {
    expect(() => fileSystem.lock(join(root, 'missing/.lock'))).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
  })
})

function startTime(pid: number): string {
  const path = `/proc/${pid}/stat`
  if (!fs.existsSync(path)) return ''
  const stat = fs.readFileSync(path, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function bootId(): string {
  const path = '/proc/sys/kernel/random/boot_id'
  return fs.existsSync(path) ? fs.readFileSync(path, 'utf8').trim() : ''
}
