import { describe, expect, it } from 'vitest'
import {
  printLeaderEpochCheckpoint,
  printOffsetCheckpoint,
  printPartitionMetadata,
  readCleanShutdown,
  readLeaderEpochCheckpoint,
  readOffsetCheckpoint,
  readPartitionMetadata,
  writeCleanShutdown,
  writeLeaderEpochCheckpoint,
  writeOffsetCheckpoint,
  writePartitionMetadata,
} from '../../storage/checkpoints.ts'
import { writeFully } from '../../storage/file-system.ts'
import { MemoryFileSystem } from '../../storage/memory-file-system.ts'
import { kafkaFile } from '../support/kafka-files.ts'

function holding(content: Buffer | string) {
  const fileSystem = new MemoryFileSystem({ tracksCrashes: true })
  fileSystem.mkdir('/d')
  const bytes = Buffer.from(content)
  const file = fileSystem.open('/d/f', 'create')
  if (bytes.length > 0) writeFully(file, [bytes], 0)
  return fileSystem
}

/** Without the checksum in blanks at the end of the last line, over which Kafka passes. */
const withoutBlanks = (bytes: Buffer): string => bytes.toString().replace(/[ \t]{32}\n$/, '\n')

const corrupt = expect.objectContaining({ code: 'CORRUPT', path: '/d/f' })

describe('Offset checkpoints', () => {
  it('are read as Kafka wrote them, and written as it reads them', async () => {
    const theirs = kafkaFile('recovery-point-offset-checkpoint')
    const fileSystem = holding(theirs)
    const entries = readOffsetCheckpoint(fileSystem, '/d/f')
    expect(entries).toHaveLength(51)
    expect(entries).toContainEqual({ topic: 'gold', partition: 0, offset: 3204 })
    await writeOffsetCheckpoint(fileSystem, '/d/f', entries!)
    expect(withoutBlanks(fileSystem.readFile('/d/f'))).toBe(String(theirs))
    expect(readOffsetCheckpoint(holding(kafkaFile('log-start-offset-checkpoint')), '/d/f')).toEqual([])
  })

  it('may be missing, or still empty, as Kafka creates them', () => {
    expect(readOffsetCheckpoint(holding(''), '/d/missing')).toBeUndefined()
    expect(readOffsetCheckpoint(holding(''), '/d/f')).toEqual([])
  })

  it.each([
    'x',
    '1\n0\n',
    '0\n',
    '0\n2\na 0 1\n',
    '0\n0\na 0 1\n',
    '0\n1\na 0\n',
    '0\n1\na 0 1 2\n',
    '0\n1\na -1 1\n',
    '0\n1\na 0 -1\n',
    '0\n1\na 0 1e3\n',
    '0\n1\na 2147483648 1\n',
    '0\n1\na 0 9007199254740993\n',
    '0\n1\n../a 0 1\n',
    '0\n1\n\n',
    '\0\0\0\0\0\0',
  ])('are refused when they are not exactly that: %j', (content) => {
    expect(() => readOffsetCheckpoint(holding(content), '/d/f')).toThrow(corrupt)
  })

  it('survive a power cut whole: the old one or the new one', async () => {
    const fileSystem = holding('')
    await writeOffsetCheckpoint(fileSystem, '/d/f', [{ topic: 'a-b', partition: 1, offset: 5 }])
    const writing = writeOffsetCheckpoint(fileSystem, '/d/f', [{ topic: 'a-b', partition: 1, offset: 6 }])
    expect(readOffsetCheckpoint(fileSystem.crash(), '/d/f')?.[0]?.offset).toBe(5)
    expect(readOffsetCheckpoint(fileSystem.kill(), '/d/f')?.[0]?.offset).toBe(5)
    await writing
    expect(readOffsetCheckpoint(fileSystem.crash(), '/d/f')?.[0]?.offset).toBe(6)
  })
})

describe('The checksum in blanks at the end of a checkpoint', () => {
  const entries = [
    { topic: 'orders', partition: 0, offset: 1742 },
    { topic: 'a-b', partition: 11, offset: 0 },
  ]

  it('tells of every bit that is flipped', () => {
    const bytes = printOffsetCheckpoint(entries)
    expect(readOffsetCheckpoint(holding(bytes), '/d/f')).toEqual(entries)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(() => readOffsetCheckpoint(holding(flipped), '/d/f'), `bit ${bit}`).toThrow(corrupt)
    }
  })

  it('tells of a file that lost its end, and of one that lost the blanks alone, only by its lines', () => {
    const bytes = printOffsetCheckpoint(entries)
    for (let length = 1; length < bytes.length - 33; length++) {
      if (bytes.subarray(0, length).toString().endsWith('a-b 11 0')) continue
      expect(() => readOffsetCheckpoint(holding(bytes.subarray(0, length)), '/d/f'), `${length}`).toThrow(corrupt)
    }
    expect(readOffsetCheckpoint(holding('0\n2\norders 0 1742\na-b 11 0\n'), '/d/f')).toEqual(entries)
  })

  it('is in the epochs of leaders as well, and in no file without lines', () => {
    const epochs = printLeaderEpochCheckpoint([{ epoch: 7, startOffset: 1500 }])
    epochs[epochs.indexOf('7')]! ^= 1
    expect(() => readLeaderEpochCheckpoint(holding(epochs), '/d/f')).toThrow(corrupt)
    expect(String(printOffsetCheckpoint([]))).toBe('0\n0\n')
  })
})

describe('Leader epoch checkpoints', () => {
  it('are read and written as by Kafka', async () => {
    const theirs = kafkaFile('leader-epoch-checkpoint')
    const entries = readLeaderEpochCheckpoint(holding(theirs), '/d/f')
    expect(entries).toEqual([{ epoch: 0, startOffset: 0 }])
    expect(withoutBlanks(printLeaderEpochCheckpoint(entries!))).toBe(String(theirs))
    const fileSystem = holding('')
    await writeLeaderEpochCheckpoint(fileSystem, '/d/f', [{ epoch: 7, startOffset: 1500 }])
    expect(withoutBlanks(fileSystem.readFile('/d/f'))).toBe('0\n1\n7 1500\n')
    expect(readLeaderEpochCheckpoint(fileSystem, '/d/none')).toBeUndefined()
  })

  it.each(['0\n1\n7\n', '0\n1\n7 1 1\n', '0\n1\n2147483648 1\n', '0\n2\n7 1\n'])(
    'are refused otherwise: %j',
    (content) => {
      expect(() => readLeaderEpochCheckpoint(holding(content), '/d/f')).toThrow(corrupt)
    },
  )
})

describe('partition.metadata', () => {
  it('is read and written as by Kafka', async () => {
    const theirs = kafkaFile('partition.metadata')
    const metadata = readPartitionMetadata(holding(theirs), '/d/f')
    expect(metadata).toEqual({ topicId: 'G5hmNfHtQAynvDUUZmLz5g' })
    expect(printPartitionMetadata(metadata!.topicId).equals(theirs)).toBe(true)
    const fileSystem = holding('')
    await writePartitionMetadata(fileSystem, '/d/f', metadata!.topicId)
    expect(readPartitionMetadata(fileSystem, '/d/f')).toEqual(metadata)
    expect(readPartitionMetadata(fileSystem, '/d/none')).toBeUndefined()
  })

  it.each(['', 'version: 1\ntopic_id: G5hmNfHtQAynvDUUZmLz5g', 'version: 0\ntopic_id: short', 'version: 0'])(
    'is refused otherwise: %j',
    (content) => {
      expect(() => readPartitionMetadata(holding(content), '/d/f')).toThrow(corrupt)
    },
  )

  it('takes no other id', () => {
    expect(() => printPartitionMetadata('not an id')).toThrow('22 characters')
  })
})

describe('The mark of a clean stop', () => {
  it('is read and written as by Kafka 4', () => {
    const theirs = kafkaFile('.kafka_cleanshutdown')
    expect(readCleanShutdown(holding(theirs), '/d/f')).toEqual({ brokerEpoch: 11 })
    const fileSystem = holding('')
    writeCleanShutdown(fileSystem, '/d/f', 11)
    expect(fileSystem.crash().readFile('/d/f').equals(theirs)).toBe(true)
  })

  it('is empty with older Kafkas, and counts as none when it is damaged', () => {
    expect(readCleanShutdown(holding(''), '/d/f')).toEqual({ brokerEpoch: -1 })
    expect(readCleanShutdown(holding('{"version":0,"brokerEp'), '/d/f')).toBeUndefined()
    expect(readCleanShutdown(holding('{"version":7,"brokerEpoch":1}'), '/d/f')).toBeUndefined()
    expect(readCleanShutdown(holding(''), '/d/none')).toBeUndefined()
  })
})
