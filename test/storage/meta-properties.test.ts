import { describe, expect, it } from 'vitest'
import { writeFully } from '../../storage/file-system.ts'
import { MemoryFileSystem } from '../../storage/memory-file-system.ts'
import { readMetaProperties, writeMetaProperties } from '../../storage/meta-properties.ts'
import { kafkaFile } from '../support/kafka-files.ts'

function folderWith(content?: Buffer | string) {
  const fileSystem = new MemoryFileSystem({ tracksCrashes: true })
  fileSystem.mkdir('/d')
  if (content !== undefined) writeFully(fileSystem.open('/d/meta.properties', 'create'), [Buffer.from(content)], 0)
  return fileSystem
}

describe('meta.properties', () => {
  it('of Kafka 4 is read', () => {
    expect(readMetaProperties(folderWith(kafkaFile('meta.properties')), '/d')).toEqual({
      clusterId: 'GgGhsWk1Qei-xIoC1Fde3w',
      nodeId: 1,
      directoryId: 'ESCFnTr3BSbwORll9pwxMA',
    })
  })

  it('of a Kafka with ZooKeeper is read, and so is Java syntax', () => {
    const content = '# c\n! d\n version = 0\nbroker.id: 12\ncluster.id=a\\=b\\:c\\\\\n'
    expect(readMetaProperties(folderWith(content), '/d')).toEqual({
      clusterId: 'a=b:c\\',
      nodeId: 12,
      directoryId: undefined,
    })
  })

  it('is missing in a new folder', () => {
    expect(readMetaProperties(folderWith(), '/d')).toBeUndefined()
  })

  it.each(['', 'version=2\n', 'cluster.id=x\n', 'version=1\nnode.id=one\n', 'version=1\nnode.id=-1\n'])(
    'is refused when it is not that: %j',
    (content) => {
      const fileSystem = folderWith()
      const file = fileSystem.open('/d/meta.properties', 'create')
      if (content !== '') writeFully(file, [Buffer.from(content)], 0)
      expect(() => readMetaProperties(fileSystem, '/d')).toThrow(expect.objectContaining({ code: 'CORRUPT' }))
    },
  )

  it('is on the disk when it was written, and reads back, whatever the ids are', () => {
    const fileSystem = folderWith()
    for (const clusterId of ['vPeOCWypqUOSepEvx0cbog', 'my cluster=#1!:\\']) {
      writeMetaProperties(fileSystem, '/d', { clusterId, nodeId: 7, directoryId: 'ZmnZOq5PqTeGVWPCEWEOMw' })
      expect(readMetaProperties(fileSystem.crash(), '/d')).toEqual({
        clusterId,
        nodeId: 7,
        directoryId: 'ZmnZOq5PqTeGVWPCEWEOMw',
      })
    }
  })
})
