import { describe, expect, it } from 'vitest'
import { folderOf, replaceFile, replaceFileSync } from '../../storage/atomic-file.ts'
import { MemoryFileSystem } from '../../storage/memory-file-system.ts'
import { FaultyFileSystem } from '../support/faulty-file-system.ts'

const contentOf = (fileSystem: MemoryFileSystem) => fileSystem.readFile('/d/f').toString()

function withOld() {
  const memory = new MemoryFileSystem({ tracksCrashes: true })
  memory.mkdir('/d')
  replaceFileSync(memory, '/d/f', Buffer.from('old content'))
  return { memory, faulty: new FaultyFileSystem(memory) }
}

describe.each([
  ['replaceFile', replaceFile],
  [
    'replaceFileSync',
    async (...[fileSystem, path, content]: Parameters<typeof replaceFile>) =>
      replaceFileSync(fileSystem, path, content),
  ],
] as const)('%s', (_name, replace) => {
  it('writes, syncs, renames, syncs the folder, in this order', async () => {
    const { memory, faulty } = withOld()
    await replace(faulty, '/d/f', Buffer.from('new'))
    expect(faulty.calls.map(({ operation, path }) => `${operation} ${path}`)).toEqual([
      'open /d/f.tmp',
      'write /d/f.tmp',
      'sync /d/f.tmp',
      'rename /d/f.tmp',
      'syncFolder /d',
    ])
    expect(contentOf(memory.crash())).toBe('new')
    await replace(faulty, '/d/f', Buffer.alloc(0))
    expect(contentOf(memory.crash())).toBe('')
  })

  it('leaves the old or the new, whole, whichever call fails and whatever a power cut keeps', async () => {
    for (let nth = 1; nth <= 5; nth++) {
      const { memory, faulty } = withOld()
      faulty.fail({ nth, errno: 'ENOSPC', shortBytes: 2 })
      await expect(replace(faulty, '/d/f', Buffer.from('new content'))).rejects.toThrow(
        expect.objectContaining({ code: 'NO_SPACE' }),
      )
      for (const pages of [true, false]) {
        for (const names of [true, false]) {
          const after = memory.crash({ pageSurvives: () => pages, namesSurvive: () => names })
          expect(['old content', 'new content']).toContain(contentOf(after))
          // What a crash left behind is in nobody's way.
          replaceFileSync(after, '/d/f', Buffer.from('newest'))
          expect(contentOf(after)).toBe('newest')
        }
      }
    }
  })
})

describe('folderOf', () => {
  it('is what stands before the last slash', () => {
    expect(['/a/b', '/a', 'a', 'a/b/c'].map(folderOf)).toEqual(['/a', '/', '.', 'a/b'])
  })
})
