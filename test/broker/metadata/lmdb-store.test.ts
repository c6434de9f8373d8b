import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LmdbStore } from '../../../broker/metadata/lmdb-store.ts'
import { NodeFileSystem } from '../../../storage/node-file-system.ts'
import { describeMetadataStore } from './store-contract.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odradek-lmdb-'))
})
afterEach(() => rm(folder, { recursive: true }))

const open = (): Promise<LmdbStore> => LmdbStore.open(join(folder, 'odradek.mdb'), new NodeFileSystem())

describeMetadataStore('LMDB', open)

describe('LmdbStore', () => {
  it('is a plain file with its lock, no folder, which Apache Kafka would refuse to start on', async () => {
    const store = await open()
    const entries = await readdir(folder, { withFileTypes: true })
    expect(entries.map(({ name }) => name).sort()).toEqual(['odradek.mdb', 'odradek.mdb-lock'])
    expect(entries.every((entry) => entry.isFile())).toBe(true)
    await store.close()
  })

  it('has everything again after it was closed, revisions too', async () => {
    const first = await open()
    await first.txn([], [{ put: 'a', value: Buffer.from('one') }])
    await first.txn([], [{ put: 'b', value: Buffer.from('two') }])
    const before = await first.list('')
    await first.close()
    const second = await open()
    expect(await second.list('')).toEqual(before)
    await second.close()
  })

  it('has everything again after kill -9, but for the sessions of the process that died', async () => {
    const script = join(folder, 'writer.mts')
    const module = new URL('../../../broker/metadata/lmdb-store.ts', import.meta.url).href
    const files = new URL('../../../storage/node-file-system.ts', import.meta.url).href
    await writeFile(
      script,
      `const { LmdbStore } = await import(${JSON.stringify(module)})
       const { NodeFileSystem } = await import(${JSON.stringify(files)})
       const store = await LmdbStore.open(${JSON.stringify(join(folder, 'odradek.mdb'))}, new NodeFileSystem())
       await store.openSession('nodes/1', Buffer.from('me'), 1)
       for (let i = 0; i < 20; i++) await store.txn([], [{ put: 'k' + i, value: Buffer.from(String(i)) }])
       process.kill(process.pid, 'SIGKILL')`,
    )
    const died = promisify(execFile)(process.execPath, ['--import', 'tsx', script])
    await expect(died).rejects.toMatchObject({ signal: 'SIGKILL' })
    const store = await open()
    const { items } = await store.list('')
    expect(items.map(({ key, value }) => `${key}=${value}`).sort()).toEqual(
      Array.from({ length: 20 }, (_, i) => `k${i}=${i}`).sort(),
    )
    const session = await store.openSession('nodes/1', Buffer.from('me again'), 1)
    expect(session.token).toBeGreaterThan(21n)
    await store.close()
  })

  it('notices a flipped bit in a value, which LMDB itself would return as data', async () => {
    const store = await open()
    await store.txn([], [{ put: 'a', value: Buffer.from('precious metadata') }])
    await store.close()
    const path = join(folder, 'odradek.mdb')
    const file = await readFile(path)
    let at = file.indexOf('precious')
    expect(at).toBeGreaterThan(0)
    for (; at !== -1; at = file.indexOf('precious', at + 1)) file[at] = file[at]! ^ 1
    await writeFile(path, file)
    await expect(open()).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  it('says so when the file is not one of LMDB', async () => {
    await writeFile(join(folder, 'odradek.mdb'), Buffer.alloc(20_000, 'not a database'))
    await expect(open()).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringContaining('odradek.mdb') })
  })

  it('starts anew with a file that a crash left before its first commit', async () => {
    for (const bytes of [0, 100, 4096, 8192]) {
      await writeFile(join(folder, 'odradek.mdb'), Buffer.alloc(bytes))
      const store = await open()
      expect((await store.list('')).items).toEqual([])
      await store.close()
      await rm(join(folder, 'odradek.mdb'))
    }
  })

  it('takes nothing more after a failed write, where LMDB alone would go on as if nothing had been', async () => {
    const script = join(folder, 'full-disk.mts')
    const module = new URL('../../../broker/metadata/lmdb-store.ts', import.meta.url).href
    const files = new URL('../../../storage/node-file-system.ts', import.meta.url).href
    await writeFile(
      script,
      `const { LmdbStore } = await import(${JSON.stringify(module)})
       const { NodeFileSystem } = await import(${JSON.stringify(files)})
       process.on('SIGXFSZ', () => {})
       const store = await LmdbStore.open(${JSON.stringify(join(folder, 'odradek.mdb'))}, new NodeFileSystem())
       const put = (key, bytes) => store.txn([], [{ put: key, value: Buffer.alloc(bytes) }])
       const answers = []
       for (const bytes of [10, 4_000_000, 10]) answers.push(await put('k' + answers.length, bytes).then(() => 'ok', ({ code }) => code))
       answers.push(await store.get('k0').then(() => 'ok', ({ code }) => code))
       console.log(answers.join())
       process.exit(0)`,
    )
    const shell = `ulimit -f 1000; exec "$0" --import tsx "$1"`
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', shell, process.execPath, script])
    expect(stdout.trim()).toBe('ok,IO,IO,IO')
    const store = await open()
    expect((await store.list('')).items.map(({ key }) => key)).toEqual(['k0'])
    await store.close()
  })
})
