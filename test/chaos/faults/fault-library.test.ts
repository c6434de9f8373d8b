import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seededRandom } from '../../../broker/runtime/random.ts'
import { type Fault, FaultLibrary } from './fault-library.ts'
import { PowerCut } from './power-cut.ts'

/** What the campaign's disk does is tried here with a few lines of Node in place of a broker. */

const LOG = '00000000000000000000.log'

let folder: string
let root: string
let path: string
let faults: FaultLibrary | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'odradek-faults-'))
  root = join(folder, 'data')
  mkdirSync(join(root, 't-0'), { recursive: true })
  path = join(root, 't-0', LOG)
  const compiled = FaultLibrary.compile(folder)
  faults = 'path' in compiled ? new FaultLibrary(compiled.path, folder, root) : undefined
  if ('missing' in compiled) console.log(`not tried: ${compiled.missing}`)
})

afterEach(() => {
  faults?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Runs these lines with `fs`, `path` and an open `fd` of the log. @returns what they printed, and how they ended */
function run(lines: string): Promise<{ said: string; signal: string | null }> {
  const script = `const fs = require('node:fs'); const path = ${JSON.stringify(path)}
    const say = (run) => { try { console.log(run()) } catch (error) { console.log(error.code) } }
    const fd = fs.openSync(path, 'w+'); ${lines}`
  const env = { ...process.env, ...faults?.environment }
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', script], { env }, (error, said) => {
      resolve({ said: said.trim(), signal: error?.signal ?? null })
    })
  })
}

describe('the preloaded library', () => {
  const write = "say(() => fs.writeSync(fd, Buffer.alloc(1000, 'a'), 0, 1000, 0));"
  const gathered = "say(() => fs.writevSync(fd, [Buffer.alloc(400, 'a'), Buffer.alloc(600, 'b')], 0));"
  const sync = "say(() => fs.fdatasyncSync(fd) ?? 'synced');"

  it.each<[string, Fault, string, string, number]>([
    ['nothing', { on: 'unlink', action: 'fail' }, write + gathered + sync, '1000 1000 synced', 1000],
    ['a write fails, once', { on: 'write', action: 'fail' }, write + write, 'EIO 1000', 1000],
    [
      'the second write fails',
      { on: 'write', action: 'fail', nth: 2, errno: 'ENOSPC' },
      write + gathered,
      '1000 ENOSPC',
      1000,
    ],
    ['two writes fail', { on: 'write', action: 'fail', times: 2 }, write + gathered + write, 'EIO EIO 1000', 1000],
    ['a write is short', { on: 'write', action: 'short' }, write, '500', 500],
    ['a gathered write is short', { on: 'write', action: 'short' }, gathered, '500', 500],
    ['a sync fails', { on: 'sync', action: 'fail' }, write + sync + sync, '1000 EIO synced', 1000],
    ['another file', { on: 'write', action: 'fail', suffix: '.index' }, write, '1000', 1000],
    ['this file', { on: 'write', action: 'fail', suffix: '.log' }, write, 'EIO', 0],
    [
      'a truncation fails',
      { on: 'truncate', action: 'fail' },
      `${write} say(() => fs.ftruncateSync(fd, 1))`,
      '1000 EIO',
      1000,
    ],
    ['a rename fails', { on: 'rename', action: 'fail' }, 'say(() => fs.renameSync(path, path + 2))', 'EIO', 0],
    ['a file cannot be made', { on: 'create', action: 'fail' }, "say(() => fs.openSync(path + 2, 'w'))", 'EIO', 0],
  ])('%s', async (_what, fault, lines, said, bytes) => {
    if (faults === undefined) return
    // The file is made before the fault is armed.
    writeFileSync(path, '')
    faults.arm(fault)
    expect((await run(lines)).said.split('\n').join(' ')).toBe(said)
    expect(readFileSync(path).length).toBe(bytes)
  })

  it.each<[string, Fault, string, number]>([
    ['before a write', { on: 'write', action: 'kill before' }, '', 0],
    ['after a write', { on: 'write', action: 'kill after' }, '', 1000],
    ['within a write', { on: 'write', action: 'torn' }, '', 500],
    ['before a sync', { on: 'sync', action: 'kill before' }, '1000', 1000],
  ])('the end comes %s', async (_what, fault, said, bytes) => {
    if (faults === undefined) return
    writeFileSync(path, '')
    faults.arm(fault)
    expect(await run(write + sync + write)).toEqual({ said, signal: 'SIGKILL' })
    expect(readFileSync(path).length).toBe(bytes)
    expect(faults.struck).toBe(1)
  })

  it('lets all pass again when it is disarmed', async () => {
    if (faults === undefined) return
    faults.arm({ on: 'write', action: 'fail', times: 1000 })
    faults.disarm()
    expect((await run(write)).said).toBe('1000')
  })
})

describe('a power cut', () => {
  const append = (bytes: number, at: number, sync: string) =>
    `fs.writeSync(fd, Buffer.alloc(${bytes}, 'a'), 0, ${bytes}, ${at}); ${sync};`
  const synced = "fs.fdatasyncSync(fd); fs.fsyncSync(fs.openSync(require('node:path').dirname(path), 'r'))"

  /** What is left of the file over many cuts; undefined where the file is gone. */
  async function cuts(lines: string): Promise<(Buffer | undefined)[]> {
    await run(lines)
    const whole = readFileSync(path)
    const left: (Buffer | undefined)[] = []
    for (let seed = 0; seed < 300; seed++) {
      writeFileSync(path, whole)
      new PowerCut(faults!.journal, root, seededRandom(seed)).strike()
      left.push(readIfThere())
    }
    return left
  }

  function readIfThere(): Buffer | undefined {
    try {
      return readFileSync(path)
    } catch {
      return undefined
    }
  }

  it('takes nothing of what was synced', async () => {
    if (faults === undefined) return
    for (const bytes of await cuts(append(9000, 0, synced))) expect(bytes?.equals(Buffer.alloc(9000, 'a'))).toBe(true)
  })

  it('takes from what was not synced: its end, pages in its middle, all of it, or nothing', async () => {
    if (faults === undefined) return
    const left = await cuts(append(5000, 0, synced) + append(9000, 5000, ''))
    for (const bytes of left) {
      expect(bytes?.subarray(0, 5000).equals(Buffer.alloc(5000, 'a'))).toBe(true)
      expect(bytes?.length).toBeLessThanOrEqual(14_000)
    }
    const sizes = new Set(left.map((bytes) => bytes?.length))
    expect(sizes.size).toBeGreaterThan(10)
    expect(left.some((bytes) => bytes?.equals(Buffer.alloc(14_000, 'a')))).toBe(true)
    // Its first page is gone, the next one is there.
    expect(left.some((bytes) => bytes?.[5000] === 0 && bytes[8192] === 97)).toBe(true)
  })

  it('takes the name of a file whose folder was not synced, or leaves it', async () => {
    if (faults === undefined) return
    const left = await cuts(append(100, 0, 'fs.fdatasyncSync(fd)'))
    expect(new Set(left.map((bytes) => bytes?.length))).toEqual(new Set([undefined, 100]))
  })

  it('takes what a failed sync was to write, though a later sync says that it is there', async () => {
    if (faults === undefined) return
    writeFileSync(path, '')
    faults.arm({ on: 'sync', action: 'fail' })
    const left = await cuts(append(8192, 0, 'try { fs.fdatasyncSync(fd) } catch {}; fs.fdatasyncSync(fd)'))
    expect(left.some((bytes) => bytes?.equals(Buffer.alloc(8192)))).toBe(true)
    expect(left.every((bytes) => bytes?.length === 8192)).toBe(true)
  })
})
