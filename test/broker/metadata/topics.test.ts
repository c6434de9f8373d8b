import { beforeEach, describe, expect, it } from 'vitest'
import { MetadataStoreError } from '../../../broker/metadata/store.ts'
import { StorageError } from '../../../storage/errors.ts'
import { AdminHandlers, newTopic } from '../../support/admin-handlers.ts'

let admin: AdminHandlers
beforeEach(async () => {
  admin = await AdminHandlers.open({ 'num.partitions': '2' })
})
const names = () => [...admin.cluster.image.topics()].map(({ name }) => name)
const partitionsOf = (name: string) => admin.cluster.image.topicByName(name)?.partitions.length
const diskFull = () => new StorageError('NO_SPACE', '/data', 'the disk is full')

describe('Topics: made by use', () => {
  it('MD-4, MD-5: makes missing topics with the defaults, with a leader when the promise resolves', async () => {
    expect(await admin.topics.createMissing(['a', 'b', 'a'])).toEqual(new Map())
    expect(names()).toEqual(['a', 'b'])
    expect(partitionsOf('a')).toBe(2)
    expect(admin.cluster.image.topicByName('a')?.partitions[0]?.leader).toBe(1)
  })

  it('MD-6: makes nothing for an impossible name', async () => {
    expect(await admin.topics.createMissing(['a b', 'ok'])).toEqual(new Map([['a b', 'INVALID_TOPIC_EXCEPTION']]))
    expect(names()).toEqual(['ok'])
  })

  it('makes a topic once for many who ask at once, and leaves one that is there', async () => {
    await admin.topic('there', 5)
    const refusals = await Promise.all([
      admin.topics.createMissing(['a', 'there']),
      admin.topics.createMissing(['a']),
      admin.topics.createMissing(['a', 'b']),
    ])
    expect(refusals.map(({ size }) => size)).toEqual([0, 0, 0])
    expect(admin.logs.calls.filter((call) => call.startsWith('create a '))).toHaveLength(1)
    expect(partitionsOf('there')).toBe(5)
  })

  it('FC-3, MD-15: makes the topic of the groups compacted, internal, with its own count of partitions', async () => {
    admin = await AdminHandlers.open({
      'num.partitions': '2',
      'offsets.topic.num.partitions': '7',
      'offsets.topic.segment.bytes': '2000000',
    })
    await admin.topics.createInternal('__consumer_offsets')
    await admin.topics.createInternal('__consumer_offsets')
    const topic = admin.cluster.image.topicByName('__consumer_offsets')
    expect(topic?.internal).toBe(true)
    expect(topic?.partitions).toHaveLength(7)
    expect(topic?.partitions[0]?.replicas).toEqual([1]) // offsets.topic.replication.factor is 3, there is one broker
    expect(Object.fromEntries(topic!.configs)).toEqual({
      'cleanup.policy': 'compact',
      'compression.type': 'producer',
      'segment.bytes': '2000000',
    })
  })

  it('makes no internal topic that has no use here yet', async () => {
    const refused = await admin.topics.createMissing(['__transaction_state'])
    expect(refused).toEqual(new Map([['__transaction_state', 'UNKNOWN_TOPIC_OR_PARTITION']]))
    expect(names()).toEqual([])
  })

  it('MD-7: says of a topic that is not there whether it could be', () => {
    expect(admin.topics.absence('a')).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(admin.topics.absence('a b')).toBe('INVALID_TOPIC_EXCEPTION')
    expect(admin.topics.absence('')).toBe('INVALID_TOPIC_EXCEPTION')
  })

  it('tells the configs of a topic while its logs are made', async () => {
    let seen: ReadonlyMap<string, string> | undefined
    admin.logs.before = () => {
      seen = admin.topics.configsOfNew('a')
    }
    await admin.topic('a', 1, { 'retention.ms': '5' })
    expect(seen).toEqual(new Map([['retention.ms', '5']]))
    expect(admin.topics.configsOfNew('a')).toEqual(new Map())
  })
})

describe('Topics: when the disk or the store fails', () => {
  it('refuses a topic whose logs cannot be made, leaves nothing of it, and makes the others', async () => {
    admin.logs.before = (call) => {
      if (call.startsWith('create a ')) throw diskFull()
    }
    const [a, b] = await admin.topics.create([newTopic('a'), newTopic('b')])
    expect(a).toEqual({ error: 'KAFKA_STORAGE_ERROR', message: 'the disk is full' })
    expect(b).toMatchObject({ name: 'b' })
    expect(names()).toEqual(['b'])
    expect(admin.logs.calls.some((call) => call.startsWith('remove '))).toBe(true)
    admin.logs.before = () => {}
    await admin.topic('a')
    expect(names()).toEqual(['b', 'a'])
  })

  it('takes logs away again that the store did not hear of, and makes no more', async () => {
    await admin.topic('there')
    admin.store.txn = () => Promise.reject(new MetadataStoreError('IO', 'broken'))
    const [made] = await admin.topics.create([newTopic('a')])
    expect(made).toEqual({ error: 'KAFKA_STORAGE_ERROR', message: 'broken' })
    const created = admin.logs.calls.filter((call) => call.startsWith('create a '))
    expect(admin.logs.calls.at(-1)).toBe(`remove ${created[0]?.split(' ').at(-1)}`)
    expect(names()).toEqual(['there'])
    const before = admin.logs.calls.filter((call) => call.startsWith('create ')).length
    expect(await admin.topics.create([newTopic('b')])).toEqual([{ error: 'KAFKA_STORAGE_ERROR', message: 'broken' }])
    const wanted = { name: 'there', count: 3, assignments: null }
    expect(await admin.topics.grow([wanted])).toEqual([{ error: 'KAFKA_STORAGE_ERROR', message: 'broken' }])
    expect(admin.logs.calls.filter((call) => call.startsWith('create ')).length).toBe(before)
  })

  it('deletes from the store first, and says when files stayed behind', async () => {
    await admin.topic('a')
    const { id } = admin.cluster.image.topicByName('a')!
    admin.logs.before = () => {
      expect(names()).toEqual([])
      throw diskFull()
    }
    expect(await admin.topics.delete([id])).toEqual(
      new Map([[id, { error: 'KAFKA_STORAGE_ERROR', message: 'the disk is full' }]]),
    )
    expect(names()).toEqual([])
  })

  it('lets a bug of ours through', async () => {
    admin.logs.before = () => {
      throw new TypeError('a bug')
    }
    await expect(admin.topics.create([newTopic('a')])).rejects.toThrow('a bug')
    await expect(admin.topics.createInternal('__transaction_state')).rejects.toThrow('cannot be made')
    admin.logs.before = () => {}
    await admin.topic('a')
  })
})
