import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  ConfigResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type Broker, startBroker } from '../../broker/index.ts'
import { consume, kafkaClient, range } from '../support/kafkajs.ts'

describe('kafkajs admin client: every call', () => {
  let broker: Broker
  let admin: Admin
  beforeAll(async () => {
    broker = await startBroker()
    admin = kafkaClient(broker.bootstrap).admin()
    await admin.connect()
  })
  afterAll(async () => {
    await admin.disconnect()
    await broker.stop()
  })

  const fill = async (topic: string, count: number) => {
    const producer = kafkaClient(broker.bootstrap).producer()
    onTestFinished(() => producer.disconnect())
    await producer.connect()
    await producer.send({ topic, messages: range(count).map((i) => ({ value: String(i), partition: 0 })) })
  }

  it('MD-18: createTopics, listTopics, fetchTopicMetadata', async () => {
    expect(await admin.createTopics({ topics: [{ topic: 'made', numPartitions: 3 }], waitForLeaders: true })).toBe(true)
    expect(await admin.createTopics({ topics: [{ topic: 'made' }] })).toBe(false)
    expect(await admin.listTopics()).toContain('made')
    const { topics } = await admin.fetchTopicMetadata({ topics: ['made'] })
    expect(topics[0]?.partitions.map(({ partitionId }) => partitionId).sort()).toEqual([0, 1, 2])
    expect(topics[0]?.partitions.every(({ leader }) => leader === broker.nodeId)).toBe(true)
  })

  it('KJ-4: asking for the metadata of an unknown topic makes nothing', async () => {
    await expect(admin.fetchTopicMetadata({ topics: ['never-made'] })).rejects.toMatchObject({
      type: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
    expect(await admin.listTopics()).not.toContain('never-made')
  })

  it('AD-11: createPartitions', async () => {
    await admin.createTopics({ topics: [{ topic: 'grown', numPartitions: 1 }] })
    await admin.createPartitions({ topicPartitions: [{ topic: 'grown', count: 4 }] })
    expect((await admin.fetchTopicOffsets('grown')).map(({ partition }) => partition).sort()).toEqual([0, 1, 2, 3])
    await expect(admin.createPartitions({ topicPartitions: [{ topic: 'grown', count: 2 }] })).rejects.toThrow()
  })

  it('AD-9: deleteTopics', async () => {
    await admin.createTopics({ topics: [{ topic: 'gone' }] })
    await admin.deleteTopics({ topics: ['gone'] })
    expect(await admin.listTopics()).not.toContain('gone')
    const impatient = kafkaClient(broker.bootstrap).admin({ retry: { retries: 0 } })
    onTestFinished(() => impatient.disconnect())
    await impatient.connect()
    await expect(impatient.deleteTopics({ topics: ['gone'] })).rejects.toMatchObject({
      cause: { type: 'UNKNOWN_TOPIC_OR_PARTITION' },
    })
  })

  it('LO-1, LO-2, LO-6: fetchTopicOffsets and fetchTopicOffsetsByTimestamp', async () => {
    await admin.createTopics({ topics: [{ topic: 'offsets' }] })
    await fill('offsets', 5)
    expect(await admin.fetchTopicOffsets('offsets')).toEqual([{ partition: 0, offset: '5', high: '5', low: '0' }])
    expect(await admin.fetchTopicOffsetsByTimestamp('offsets', Date.now() + 1e6)).toEqual([
      { partition: 0, offset: '5' },
    ])
    expect(await admin.fetchTopicOffsetsByTimestamp('offsets', 1)).toEqual([{ partition: 0, offset: '0' }])
  })

  it('AD-12: deleteTopicRecords moves the start of the log', async () => {
    await admin.createTopics({ topics: [{ topic: 'trimmed' }] })
    await fill('trimmed', 5)
    // kafkajs looks for the leader in what it knows already, before it asks.
    await admin.fetchTopicOffsets('trimmed')
    await admin.deleteTopicRecords({ topic: 'trimmed', partitions: [{ partition: 0, offset: '3' }] })
    expect(await admin.fetchTopicOffsets('trimmed')).toEqual([{ partition: 0, offset: '5', high: '5', low: '3' }])
  })

  it('AD-13, AD-15: describeConfigs and alterConfigs', async () => {
    await admin.createTopics({
      topics: [{ topic: 'configured', configEntries: [{ name: 'retention.ms', value: '1000' }] }],
    })
    const describe = async () => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: true,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: 'configured' }],
      })
      return new Map(resources[0]?.configEntries.map((entry) => [entry.configName, entry]))
    }
    expect((await describe()).get('retention.ms')).toMatchObject({ configValue: '1000', isDefault: false })
    expect((await describe()).get('cleanup.policy')).toMatchObject({ configValue: 'delete', isDefault: true })
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: 'configured',
          configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
        },
      ],
    })
    expect((await describe()).get('cleanup.policy')).toMatchObject({ configValue: 'compact' })
    expect((await describe()).get('retention.ms')).toMatchObject({ configValue: '604800000', isDefault: true })
  })

  it('AD-20: describeCluster', async () => {
    const cluster = await admin.describeCluster()
    const [listener] = broker.listeners
    expect(cluster).toEqual({
      clusterId: broker.clusterId,
      controller: broker.nodeId,
      brokers: [{ nodeId: broker.nodeId, host: '127.0.0.1', port: listener?.advertisedPort }],
    })
  })

  it('setOffsets, resetOffsets, fetchOffsets, deleteGroups', async () => {
    await admin.createTopics({ topics: [{ topic: 'committed', numPartitions: 2 }] })
    await fill('committed', 8)
    await admin.setOffsets({ groupId: 'committers', topic: 'committed', partitions: [{ partition: 0, offset: '4' }] })
    const offsets = async () =>
      (await admin.fetchOffsets({ groupId: 'committers', topics: ['committed'] }))[0]?.partitions
    expect((await offsets())?.map(({ partition, offset }) => [partition, offset]).sort()).toEqual([
      [0, '4'],
      [1, '-1'],
    ])
    await admin.resetOffsets({ groupId: 'committers', topic: 'committed', earliest: true })
    expect((await offsets())?.map(({ offset }) => Number(offset)).sort()).toEqual([-2, -2])
    await admin.deleteGroups(['committers'])
    expect((await offsets())?.every(({ offset }) => offset === '-1')).toBe(true)
  })

  it('OC-2, GA-6: setOffsets and deleteGroups are refused while the group has members', async () => {
    await admin.createTopics({ topics: [{ topic: 'busy' }] })
    const { inbox } = await consume(kafkaClient(broker.bootstrap), 'busy-group', 'busy')
    await fill('busy', 1)
    await inbox.count(1)
    await expect(
      admin.setOffsets({ groupId: 'busy-group', topic: 'busy', partitions: [{ partition: 0, offset: '0' }] }),
    ).rejects.toThrow()
    await expect(admin.deleteGroups(['busy-group'])).rejects.toThrow()
  })

  it('listPartitionReassignments and alterPartitionReassignments: nothing moves on one node', async () => {
    await admin.createTopics({ topics: [{ topic: 'placed' }] })
    const { topics } = await admin.listPartitionReassignments({ topics: [{ topic: 'placed', partitions: [0] }] })
    expect(topics).toEqual([])
    await admin.alterPartitionReassignments({
      topics: [{ topic: 'placed', partitionAssignment: [{ partition: 0, replicas: [broker.nodeId] }] }],
    })
  })

  it('KJ-0: calls for what is not served yet name the missing API', async () => {
    const acl = {
      resourceType: AclResourceTypes.TOPIC,
      resourceName: 'made',
      resourcePatternType: ResourcePatternTypes.LITERAL,
      principal: 'User:x',
      host: '*',
      operation: AclOperationTypes.READ,
      permissionType: AclPermissionTypes.ALLOW,
    }
    await expect(admin.describeAcls(acl)).rejects.toThrow(/does not support the requested API/)
    await expect(admin.createAcls({ acl: [acl] })).rejects.toThrow(/does not support the requested API/)
    await expect(admin.deleteAcls({ filters: [acl] })).rejects.toThrow(/does not support the requested API/)
  })

  it("AD-24: makes 1,000 partitions within the client's time limit, and uses them", async () => {
    await admin.createTopics({ topics: [{ topic: 'wide', numPartitions: 1000 }], timeout: 5000 })
    const producer = kafkaClient(broker.bootstrap).producer()
    onTestFinished(() => producer.disconnect())
    await producer.connect()
    await producer.send({ topic: 'wide', messages: range(1000).map((i) => ({ value: String(i), partition: i })) })
    const offsets = await admin.fetchTopicOffsets('wide')
    expect(offsets).toHaveLength(1000)
    expect(offsets.every(({ high }) => high === '1')).toBe(true)
    const { inbox } = await consume(kafkaClient(broker.bootstrap), 'wide-readers', 'wide')
    await inbox.count(1000)
    expect(new Set(inbox.values).size).toBe(1000)
  })
})
