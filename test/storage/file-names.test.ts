import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cutFileName,
  deletedFolderName,
  isDeletedFolderName,
  isTopicFileName,
  parsePartitionFolderName,
  parseSegmentFileName,
  partitionFolderName,
  segmentFileName,
} from '../../storage/file-names.ts'

const topics = fc.stringMatching(/^[A-Za-z0-9._-]{1,249}$/).filter(isTopicFileName)
const partitions = fc.integer({ min: 0, max: 2 ** 31 - 1 })

describe('Names of segment files', () => {
  it('are 20 digits and a suffix, as in Kafka', () => {
    expect(segmentFileName(0, '.log')).toBe('00000000000000000000.log')
    expect(segmentFileName(2048, '.timeindex', '.swap')).toBe('00000000000000002048.timeindex.swap')
    expect(cutFileName(2048, 57)).toBe('00000000000000002048.log.cut-57')
  })

  it('are read back as they were written', () => {
    const suffix = fc.constantFrom('.log', '.index', '.timeindex', '.txnindex', '.snapshot')
    const state = fc.constantFrom('', '.deleted', '.cleaned', '.swap')
    fc.assert(
      fc.property(fc.maxSafeNat(), suffix, state, (baseOffset, suffix, state) => {
        expect(parseSegmentFileName(segmentFileName(baseOffset, suffix, state))).toEqual({ baseOffset, suffix, state })
      }),
    )
  })

  it.each([
    '0.log',
    '00000000000000000000',
    '00000000000000000000.logs',
    '0000000000000000000x.log',
    '.log',
    '-0000000000000000001.log',
    '99999999999999999999.log',
    '00000000000000000000.log.cut-57',
    '00000000000000000000.log.deleted.swap',
    '00000000000000000000.log\n',
  ])('leave a foreign file alone: %j', (name) => {
    expect(parseSegmentFileName(name)).toBeUndefined()
  })
})

describe('Names of partition folders', () => {
  it('are topic, dash, partition; a topic may hold dashes and look like one itself', () => {
    expect(partitionFolderName('orders', 3)).toBe('orders-3')
    expect(parsePartitionFolderName('a-b-1-2')).toEqual({ topic: 'a-b-1', partition: 2 })
    expect(parsePartitionFolderName('--0')).toEqual({ topic: '-', partition: 0 })
    fc.assert(
      fc.property(topics, partitions, (topic, partition) => {
        expect(parsePartitionFolderName(partitionFolderName(topic, partition))).toEqual({ topic, partition })
      }),
    )
  })

  it.each([
    'orders',
    '-1',
    'orders-',
    'orders-01',
    'orders-1x',
    '..-1',
    '.-0',
    'a/b-1',
    'ä-1',
    'orders-99999999999',
    'orders-2147483648',
    'orders-3.abc-delete',
    'orders-3.abc-future',
    `${'t'.repeat(250)}-0`,
    'orders-1\n',
  ])('are never made up from other names: %j', (name) => {
    expect(parsePartitionFolderName(name)).toBeUndefined()
  })

  it('refuse to become a path from an illegal topic', () => {
    for (const topic of ['', '.', '..', '../etc', 'a/b', 'a\0b', 't'.repeat(250)]) {
      expect(() => partitionFolderName(topic, 0)).toThrow('legal name')
    }
    expect(() => partitionFolderName('a', -1)).toThrow()
    expect(() => deletedFolderName('a', 0, '../x')).toThrow()
  })

  it('mark a deleted partition as Kafka does, within the 255 bytes of a file name', () => {
    const id = '0b1f7c2e9a5d4e6f8a7b6c5d4e3f2a1b'
    expect(deletedFolderName('orders', 3, id)).toBe(`orders-3.${id}-delete`)
    fc.assert(
      fc.property(topics, partitions, (topic, partition) => {
        const name = deletedFolderName(topic, partition, id)
        expect(name.length).toBeLessThanOrEqual(255)
        expect(isDeletedFolderName(name)).toBe(true)
        expect(parsePartitionFolderName(name)).toBeUndefined()
      }),
    )
    for (const name of ['orders-3', 'orders-delete', `orders.${id}-delete`, `orders-3.${id}-stray`]) {
      expect(isDeletedFolderName(name)).toBe(false)
    }
  })
})
