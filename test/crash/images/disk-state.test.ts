import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../broker/runtime/random.ts'
import { replaceFile } from '../../../storage/atomic-file.ts'
import { type FileSystem, MemoryFileSystem } from '../../../storage/index.ts'
import { everyCrash } from './campaign.ts'
import { DiskState } from './disk-state.ts'
import { type FateName, fate } from './fates.ts'
import { at, describeImage, file, folder, type Image, type ImageFolder } from './image.ts'
import { RecordedDisk } from './recorded-disk.ts'
import { live } from './workload.ts'

/** What a file system holds, read back through its own interface. */
function contentOf(fileSystem: FileSystem, path = ''): ImageFolder {
  return folder(
    fileSystem.readdir(path === '' ? '/' : path).map(({ name, kind }): [string, Image] => {
      const below = `${path}/${name}`
      return [name, kind === 'folder' ? contentOf(fileSystem, below) : file(fileSystem.readFile(below))]
    }),
  )
}

/** What is left of what was done, in the name of one fate. */
function left(name: FateName, run: (fileSystem: FileSystem) => void, fates = 1): string[][] {
  const disk = new RecordedDisk<never>(folder([['data', folder()]]))
  run(disk.boot())
  const state = new DiskState<never>(disk.start)
  for (const event of disk.events) state.apply(event)
  return Array.from({ length: fates }, (_, seed) =>
    describeImage(state.image(fate(name, seededRandom(seed), disk.events.length))).slice(2),
  )
}

function write(fileSystem: FileSystem, path: string, text: string, synced: boolean, position = 0): void {
  const opened = fileSystem.open(path, 'openOrCreate')
  opened.writeSync([Buffer.from(text)], position)
  if (synced) opened.datasyncSync()
  opened.close()
}

const hex = (text: string) => Buffer.from(text).toString('hex')

describe('A recorded disk', () => {
  it('played to its end is the disk itself, byte for byte: the control of everything else', async () => {
    const { disk, tally } = await everyCrash((life) => live(life, 150), { runs: 3, imagesPerPoint: 0.1 })
    expect(tally.points).toBeGreaterThan(100)
    const state = new DiskState(disk.start)
    for (const event of disk.events) state.apply(event)
    expect(describeImage(state.now())).toEqual(describeImage(contentOf(disk.memory)))
  })

  it('does not let a dead process write', () => {
    const disk = new RecordedDisk<never>()
    const dead = disk.boot()
    dead.mkdir('/data')
    const opened = dead.open('/data/a', 'create')
    disk.boot()
    expect(() => opened.writeSync([Buffer.from('x')], 0)).toThrow()
    expect(() => dead.rename('/data/a', '/data/b')).toThrow()
    expect(disk.memory.readFile('/data/a')).toHaveLength(0)
  })

  it('begins with an image, which it does not change', () => {
    const start = folder([['data', folder([['a', file(Buffer.from('old'))]])]])
    const disk = new RecordedDisk<never>(start)
    write(disk.boot(), '/data/a', 'new', true)
    expect(at(start, '/data/a')).toEqual(file(Buffer.from('old')))
    expect(disk.memory).toBeInstanceOf(MemoryFileSystem)
    expect(String(disk.memory.readFile('/data/a'))).toBe('new')
  })
})

describe('What a crash leaves', () => {
  it('kill -9: everything, synced or not', () => {
    expect(left('kill', (disk) => write(disk, '/data/a', 'abc', false))).toEqual([[`/data/a 3 ${hex('abc')}`]])
  })

  it('a power cut: of a file that was synced nothing, if its name was not', () => {
    expect(left('lost', (disk) => write(disk, '/data/a', 'abc', true))).toEqual([[]])
  })

  it('a power cut: name and bytes, each as it was synced', () => {
    const [lines] = left('lost', (disk) => {
      write(disk, '/data/a', 'abc', true)
      disk.syncFolderSync('/data')
      write(disk, '/data/a', 'XYZ123', false)
      disk.rename('/data/a', '/data/b')
    })
    expect(lines).toEqual([`/data/a 3 ${hex('abc')}`])
  })

  it('a power cut: a write before a sync in one of its pages, and not in another', () => {
    const page = 'p'.repeat(4096)
    const outcomes = left(
      'pages',
      (disk) => {
        write(disk, '/data/a', page.replaceAll('p', 'o').repeat(2), true)
        disk.syncFolderSync('/data')
        write(disk, '/data/a', page.repeat(2), false)
      },
      40,
    ).map(([line]) => line!.split(' ')[2]!)
    const [old, fresh] = [hex(page.replaceAll('p', 'o')), hex(page)]
    expect(new Set(outcomes)).toEqual(new Set([old + old, old + fresh, fresh + old, fresh + fresh]))
  })

  it('a power cut: a write that is torn at any byte, with the file as long as what arrived', () => {
    const outcomes = left(
      'torn',
      (disk) => {
        write(disk, '/data/a', 'abc', true)
        disk.syncFolderSync('/data')
        write(disk, '/data/a', 'defg', false, 3)
      },
      200,
    ).map(([line]) => line)
    const beginnings = ['abc', 'abcd', 'abcde', 'abcdef', 'abcdefg'].map(
      (text) => `/data/a ${text.length} ${hex(text)}`,
    )
    expect([...new Set(outcomes)]).toEqual(expect.arrayContaining(beginnings))
    // The end may be there and the beginning not.
    expect(outcomes).toContain(`/data/a 7 ${hex('abc')}000000${hex('g')}`)
  })

  it('a power cut: names in any combination, but a rename as a whole', () => {
    const outcomes = left(
      'mixed',
      (disk) => {
        for (const name of ['a', 'b']) write(disk, `/data/${name}`, name, true)
        disk.syncFolderSync('/data')
        disk.rename('/data/a', '/data/c')
        disk.unlink('/data/b')
      },
      60,
    ).map((lines) => lines.map((line) => line.split(' ')[0]).join())
    expect(new Set(outcomes)).toEqual(new Set(['/data/a,/data/b', '/data/a', '/data/b,/data/c', '/data/c']))
  })

  it('a sync covers what was written before it began, not before it ended', async () => {
    const disk = new RecordedDisk<never>(folder([['data', folder()]]), { holdsIo: true })
    const process = disk.boot()
    const opened = process.open('/data/a', 'create')
    process.syncFolderSync('/data')
    opened.writeSync([Buffer.from('abc')], 0)
    const synced = opened.datasync()
    opened.writeSync([Buffer.from('def')], 3)
    disk.releaseOne(0)
    await synced
    const state = new DiskState<never>(disk.start)
    for (const event of disk.events) state.apply(event)
    const image = state.image(fate('lost', seededRandom(1), disk.events.length))
    expect(describeImage(image)).toContain(`/data/a 3 ${hex('abc')}`)
  })

  it('a failed sync: what it was to cover is never brought to the disk by another one', () => {
    const disk = new RecordedDisk<never>(folder([['data', folder()]]))
    const process = disk.boot()
    const opened = process.open('/data/a', 'create')
    process.syncFolderSync('/data')
    opened.writeSync([Buffer.from('abc')], 0)
    disk.syncFailed('/data/a')
    opened.writeSync([Buffer.from('def')], 3)
    opened.datasyncSync()
    const state = new DiskState<never>(disk.start)
    for (const event of disk.events) state.apply(event)
    const image = state.image(fate('lost', seededRandom(1), disk.events.length))
    expect(describeImage(image)).toContain(`/data/a 6 000000${hex('def')}`)
    expect(describeImage(state.now())).toContain(`/data/a 6 ${hex('abcdef')}`)
  })

  it('an atomic replacement: the old content or the new, at each point and whatever the disk does', async () => {
    const disk = new RecordedDisk<never>(folder([['data', folder([['a', file(Buffer.from('old'))]])]]))
    await replaceFile(disk.boot(), '/data/a', Buffer.from('longer and new'))
    const found = new Set<string>()
    for (const name of ['kill', 'lost', 'names', 'torn', 'mixed', 'ordered', 'sizes'] as const) {
      const state = new DiskState<never>(disk.start)
      for (const [point, event] of disk.events.entries()) {
        for (let seed = 0; seed < 10; seed++) {
          const image = at(state.image(fate(name, seededRandom(seed), point)), '/data/a')
          found.add(image?.kind === 'file' ? String(image.bytes) : 'nothing')
        }
        state.apply(event)
      }
    }
    expect(found).toEqual(new Set(['old', 'longer and new']))
  })
})
