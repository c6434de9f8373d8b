import { describe, expect, it } from 'vitest'
import { Cluster, MetadataConflict } from '../../../broker/metadata/cluster.ts'
import type { TopicImage } from '../../../broker/metadata/image.ts'
import { MemoryStore } from '../../../broker/metadata/memory-store.ts'
import type { MetadataStore } from '../../../broker/metadata/store.ts'

const open = (store: MetadataStore, newClusterId = 'first') => Cluster.open({ store, nodeId: 1, newClusterId })
const topic = (name: string, partitions = 1, configs: Record<string, string> = {}): TopicImage => ({
  id: `id-of-${name}`,
  name,
  internal: false,
  partitions: Array.from({ length: partitions }, () => ({ leader: 1, leaderEpoch: 0, replicas: [1] })),
  configs: new Map(Object.entries(configs)),
})
const epochs = (cluster: Cluster, name: string) =>
  cluster.image.topicByName(name)?.partitions.map(({ leaderEpoch }) => leaderEpoch)
const names = (cluster: Cluster) => [...cluster.image.topics()].map(({ name }) => name)

describe('Cluster', () => {
  it('MD-12: keeps the cluster id that it was first given', async () => {
    const store = new MemoryStore()
    const first = await open(store, 'first')
    expect(first.clusterId).toBe('first')
    await first.close()
    expect((await open(store, 'second')).clusterId).toBe('first')
  })

  it('MD-13: reads everything back as it was', async () => {
    const store = new MemoryStore()
    const before = await open(store)
    await before.createTopics([topic('a', 12, { 'retention.ms': '5' }), topic('b')])
    await before.alterConfigs('broker', '', new Map([['log.retention.ms', '6']]))
    await before.alterConfigs('group', 'Ü/ 🐘', new Map([['consumer.session.timeout.ms', '46000']]))
    await before.close()
    const after = await open(store)
    expect([...after.image.topics()]).toEqual([...before.image.topics()])
    expect(after.image.topicById('id-of-a')?.partitions).toHaveLength(12)
    expect(after.image.configs('topic', 'a')).toEqual(new Map([['retention.ms', '5']]))
    expect(after.image.configs('broker', '')).toEqual(new Map([['log.retention.ms', '6']]))
    expect(after.image.configs('broker', '1')).toEqual(new Map())
    expect(after.image.configs('group', 'Ü/ 🐘')).toEqual(new Map([['consumer.session.timeout.ms', '46000']]))
    expect(after.image.configured('group')).toEqual(['Ü/ 🐘'])
  })

  it('raises every leader epoch when it takes the lead, at each start', async () => {
    const store = new MemoryStore()
    const first = await open(store)
    await first.createTopics([topic('a', 3)])
    expect(epochs(first, 'a')).toEqual([0, 0, 0])
    await first.close()
    for (const epoch of [1, 2]) {
      const next = await open(store)
      await next.takeLeadership()
      expect(epochs(next, 'a')).toEqual([epoch, epoch, epoch])
      await next.close()
    }
  })

  it('leaves partitions alone that have no replica here', async () => {
    const cluster = await open(new MemoryStore())
    const elsewhere = { ...topic('a'), partitions: [{ leader: 2, leaderEpoch: 7, replicas: [2] }] }
    await cluster.createTopics([elsewhere])
    await cluster.takeLeadership()
    expect(cluster.image.topicByName('a')).toEqual(elsewhere)
  })

  it('tells where it can be reached once the listeners are known', async () => {
    const cluster = await open(new MemoryStore())
    expect(cluster.image.brokers.get(1)).toMatchObject({ id: 1, rack: null, listeners: [] })
    const { session } = cluster.image.brokers.get(1)!
    await cluster.setListeners([{ name: 'PLAINTEXT', host: 'h', port: 1 }])
    expect(cluster.image.brokers.get(1)).toEqual({
      id: 1,
      rack: null,
      session,
      listeners: [{ name: 'PLAINTEXT', host: 'h', port: 1 }],
    })
  })

  it('tells who follows of each change, with the image before', async () => {
    const cluster = await open(new MemoryStore())
    const seen: [string[], string[]][] = []
    const stop = cluster.onChange((now, before) => {
      expect(now).toBe(cluster.image)
      expect(now.revision).toBeGreaterThan(before.revision)
      seen.push([[...before.topics()].map(({ name }) => name), [...now.topics()].map(({ name }) => name)])
    })
    await cluster.createTopics([topic('a'), topic('b')])
    await cluster.deleteTopics([cluster.image.topicByName('a')!])
    stop()
    await cluster.createTopics([topic('c')])
    expect(seen).toEqual([
      [[], ['a', 'b']],
      [['a', 'b'], ['b']],
    ])
  })

  it('never changes an image that somebody holds', async () => {
    const cluster = await open(new MemoryStore())
    await cluster.createTopics([topic('a')])
    const held = cluster.image
    const { partitions } = held.topicByName('a')!
    await cluster.addPartitions(held.topicByName('a')!, topic('x', 2).partitions)
    await cluster.alterConfigs('topic', 'a', new Map([['retention.ms', '5']]))
    await cluster.createTopics([topic('b')])
    expect([...held.topics()]).toHaveLength(1)
    expect(held.topicByName('a')?.partitions).toBe(partitions)
    expect(partitions).toHaveLength(1)
    expect(held.topicByName('a')?.configs.size).toBe(0)
    expect(cluster.image.topicByName('a')?.partitions).toHaveLength(3)
  })

  it('sets configs and takes them back', async () => {
    const cluster = await open(new MemoryStore())
    await cluster.createTopics([topic('a', 1, { 'retention.ms': '5' })])
    await cluster.alterConfigs('topic', 'a', new Map([['flush.ms', '1']]))
    expect(cluster.image.configs('topic', 'a')).toEqual(
      new Map([
        ['retention.ms', '5'],
        ['flush.ms', '1'],
      ]),
    )
    const back = new Map([
      ['retention.ms', null],
      ['flush.ms', null],
    ])
    await cluster.alterConfigs('topic', 'a', back)
    expect(cluster.image.configs('topic', 'a').size).toBe(0)
  })

  it('leaves nothing of a deleted topic in the store', async () => {
    const store = new MemoryStore()
    const cluster = await open(store)
    await cluster.createTopics([topic('keep')])
    const { items } = await store.list('')
    await cluster.createTopics([topic('a', 3, { 'retention.ms': '5' })])
    await cluster.deleteTopics([cluster.image.topicByName('a')!])
    expect((await store.list('')).items).toEqual(items)
    expect(names(cluster)).toEqual(['keep'])
  })

  it('refuses a topic whose name somebody took, and all of its request with it', async () => {
    const store = new MemoryStore()
    const cluster = await open(store)
    await store.txn([], [{ put: 'topics/taken', value: Buffer.from('{}') }])
    await expect(cluster.createTopics([topic('free'), topic('taken')])).rejects.toThrow(MetadataConflict)
    expect(names(cluster)).toEqual([])
    expect(await store.get('topics/free')).toBeUndefined()
  })

  it('writes nothing any more once another life of the node has begun', async () => {
    const store = new MemoryStore()
    const cluster = await open(store)
    await store.txn([], [{ delete: 'nodes/1' }])
    const next = await open(store)
    await expect(cluster.createTopics([topic('a')])).rejects.toThrow(MetadataConflict)
    await expect(cluster.takeLeadership().then(() => cluster.allocateProducerIds())).rejects.toThrow(MetadataConflict)
    await next.createTopics([topic('a')])
    expect(names(next)).toEqual(['a'])
  })

  it('TX-1: never gives a producer id twice, over restarts too', async () => {
    const store = new MemoryStore()
    const first = await open(store)
    expect(await first.allocateProducerIds()).toEqual({ first: 0, count: 1000 })
    expect(await first.allocateProducerIds()).toEqual({ first: 1000, count: 1000 })
    await first.close()
    expect(await (await open(store)).allocateProducerIds()).toEqual({ first: 2000, count: 1000 })
  })

  it('runs changes in turn, and goes on after one that failed', async () => {
    const cluster = await open(new MemoryStore())
    const order: string[] = []
    const slow = cluster.inTurn(async () => {
      await cluster.createTopics([topic('a')])
      order.push('slow')
    })
    const failing = cluster.inTurn(async () => {
      order.push('failing')
      throw new Error('no')
    })
    const last = cluster.inTurn(async () => order.push('last'))
    await expect(failing).rejects.toThrow('no')
    await Promise.all([slow, last])
    expect(order).toEqual(['slow', 'failing', 'last'])
  })

  it('takes the lead of many partitions in as many txns as the store wants', async () => {
    const store = new MemoryStore()
    store.limits.maxOpsPerTxn = 4_000
    const first = await open(store)
    await first.createTopics([topic('a', 1_000), topic('b', 1_000)])
    await first.close()
    store.limits.maxOpsPerTxn = 128
    const next = await open(store)
    await next.takeLeadership()
    expect(new Set([...epochs(next, 'a')!, ...epochs(next, 'b')!])).toEqual(new Set([1]))
    const again = await loadAgain(next, store)
    expect(new Set(epochs(again, 'b'))).toEqual(new Set([1]))
  })
})

async function loadAgain(cluster: Cluster, store: MetadataStore): Promise<Cluster> {
  await cluster.close()
  return open(store)
}
