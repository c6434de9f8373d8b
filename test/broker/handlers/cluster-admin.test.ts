import { beforeEach, describe, expect, it } from 'vitest'
import {
  alterPartitionReassignments,
  type DescribedDirectory,
  describeCluster,
  describeLogDirs,
  electLeaders,
  listPartitionReassignments,
} from '../../../broker/handlers/cluster-admin.ts'
import type { Partition } from '../../../broker/partitions/partition.ts'
import { StorageError } from '../../../storage/index.ts'
import { AdminHandlers } from '../../support/admin-handlers.ts'

let admin: AdminHandlers
beforeEach(async () => {
  admin = await AdminHandlers.open()
  await admin.topic('a', 2)
})

describe('DescribeCluster', () => {
  it('AD-20, MD-12: tells cluster, controller and brokers to tools without any access', async () => {
    admin.allows = () => false
    expect(await admin.call(describeCluster, 2, { includeClusterAuthorizedOperations: true })).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      endpointType: 1,
      clusterId: admin.cluster.clusterId,
      controllerId: 1,
      brokers: [{ brokerId: 1, host: 'broker', port: 9092, rack: 'r1', isFenced: false }],
      clusterAuthorizedOperations: -(2 ** 31),
    })
  })

  it('MD-9: gives the address of the listener on which the request came', async () => {
    const { brokers } = await admin.call(describeCluster, 0, {}, 'INSIDE')
    expect(brokers).toMatchObject([{ host: 'inside', port: 9093 }])
    expect((await admin.call(describeCluster, 0, {}, 'ELSEWHERE')).brokers).toEqual([])
  })

  it('MD-16: counts the authorised operations only when asked', async () => {
    const asked = await admin.call(describeCluster, 0, { includeClusterAuthorizedOperations: true })
    expect(asked.clusterAuthorizedOperations).toBe(8096) // what Kafka 4.3.1 answers without an authorizer
    const { clusterAuthorizedOperations } = await admin.call(describeCluster, 0, {})
    expect(clusterAuthorizedOperations).toBe(-(2 ** 31))
  })

  it('refuses the other kinds of endpoint', async () => {
    expect(await admin.call(describeCluster, 1, { endpointType: 2 })).toMatchObject({ errorCode: 114, brokers: [] })
    expect(await admin.call(describeCluster, 1, { endpointType: 3 })).toMatchObject({
      errorCode: 115,
      errorMessage: 'Unsupported endpoint type 3',
    })
  })
})

describe('DescribeLogDirs', () => {
  const log = (sizeBytes: number) => ({ sizeBytes })
  const logs = { 'a-0': log(100), 'a-1': log(200) }
  const first: DescribedDirectory = {
    path: '/data/1',
    offline: undefined,
    usage: () => ({ totalBytes: 1000, usableBytes: 400 }),
    owns: (one) => one === (logs['a-0'] as unknown),
  }
  const second: DescribedDirectory = { ...first, path: '/data/2', owns: (one) => one === (logs['a-1'] as unknown) }
  let directories: DescribedDirectory[]
  const call = (request: object, version = 5) =>
    admin.call(
      describeLogDirs(() => directories),
      version,
      request,
    )

  beforeEach(() => {
    directories = [first, second]
    for (const [index, name] of Object.keys(logs).entries()) {
      const partition = { topic: 'a', index, log: Object.values(logs)[index] } as unknown as Partition
      admin.partitions.set(name, partition)
    }
  })
  const size = (partitionIndex: number, partitionSize: number) => ({
    partitionIndex,
    partitionSize,
    offsetLag: 0,
    isFutureKey: false,
  })

  it('AD-19: gives the sizes of all partitions where they lie, and the space of the directories', async () => {
    expect((await call({ topics: null })).results).toEqual([
      {
        errorCode: 0,
        logDir: '/data/1',
        topics: [{ name: 'a', partitions: [size(0, 100)] }],
        totalBytes: 1000,
        usableBytes: 400,
        isCordoned: false,
      },
      {
        errorCode: 0,
        logDir: '/data/2',
        topics: [{ name: 'a', partitions: [size(1, 200)] }],
        totalBytes: 1000,
        usableBytes: 400,
        isCordoned: false,
      },
    ])
  })

  it('AD-19: leaves the space out below v4', async () => {
    expect((await call({ topics: null }, 3)).results[0]).toMatchObject({ totalBytes: -1, usableBytes: -1 })
  })

  it('gives only what was asked for, and only what is there', async () => {
    const topics = [
      { topic: 'a', partitions: [1, 1, 99] },
      { topic: 'nope', partitions: [0] },
    ]
    const { results } = await call({ topics })
    expect(results.map((one) => one.topics)).toEqual([[], [{ name: 'a', partitions: [size(1, 200)] }]])
    expect((await call({ topics: [] })).results.map((one) => one.topics)).toEqual([[], []])
  })

  it('says which directory is gone', async () => {
    directories = [first, { ...second, offline: new StorageError('IO', '/data/2', 'broken') }]
    const { results } = await call({ topics: null })
    expect(results.map(({ errorCode }) => errorCode)).toEqual([0, 56])
  })

  it('needs DESCRIBE on the cluster', async () => {
    admin.allows = () => false
    expect(await call({ topics: null })).toMatchObject({ errorCode: 31, results: [] })
  })
})

describe('ElectLeaders', () => {
  const elect = (topicPartitions: [string, number[]][] | null, electionType = 0) =>
    admin.call(electLeaders, 2, {
      electionType,
      topicPartitions: topicPartitions?.map(([topic, partitions]) => ({ topic, partitions })) ?? null,
    })

  it('needs no election where the leader is the only replica', async () => {
    const asked: [string, number[]][] = [
      ['a', [0, 9]],
      ['nope', [0]],
    ]
    expect((await elect(asked)).replicaElectionResults).toEqual([
      {
        topic: 'a',
        partitionResult: [
          { partitionId: 0, errorCode: 84, errorMessage: 'Leader election not needed for topic partition.' },
          { partitionId: 9, errorCode: 3, errorMessage: 'No such partition as a-9' },
        ],
      },
      { topic: 'nope', partitionResult: [{ partitionId: 0, errorCode: 3, errorMessage: 'No such topic as nope' }] },
    ])
  })

  it('names the topics and no partition when asked for all', async () => {
    expect(await elect(null, 1)).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      replicaElectionResults: [{ topic: 'a', partitionResult: [] }],
    })
  })

  it('refuses an unknown kind of election, and who may not ALTER the cluster', async () => {
    expect(await elect([['a', [0]]], 5)).toMatchObject({
      errorCode: 42,
      replicaElectionResults: [{ partitionResult: [{ errorCode: 42, errorMessage: 'Unknown election type 5' }] }],
    })
    admin.allows = () => false
    expect(await elect(null)).toMatchObject({ errorCode: 31, replicaElectionResults: [] })
    expect(await elect([['a', [0]]])).toMatchObject({
      errorCode: 31,
      replicaElectionResults: [{ partitionResult: [{ errorCode: 31 }] }],
    })
    const topicPartitions = [{ topic: 'a', partitions: [0] }]
    expect(await admin.call(electLeaders, 0, { topicPartitions })).toMatchObject({
      replicaElectionResults: [{ partitionResult: [{ errorCode: 31 }] }],
    })
  })
})

describe('AlterPartitionReassignments and ListPartitionReassignments', () => {
  const move = async (name: string, partitionIndex: number, replicas: number[] | null) => {
    const topics = [{ name, partitions: [{ partitionIndex, replicas }] }]
    const { responses } = await admin.call(alterPartitionReassignments, 1, { topics })
    const [partition] = responses[0]!.partitions
    return [partition?.errorCode, partition?.errorMessage]
  }

  it('accepts what is so already, and has nothing to cancel', async () => {
    expect(await move('a', 0, [1])).toEqual([0, null])
    expect(await move('a', 0, null)).toEqual([85, null])
  })

  it.each([
    ['a', 0, [9], 39, 'The manual partition assignment includes broker 9, but no such broker is registered.'],
    ['a', 0, [1, 2], 39, 'The manual partition assignment includes broker 2, but no such broker is registered.'],
    ['a', 0, [1, 1], 39, 'The manual partition assignment includes the broker 1 more than once.'],
    ['a', 0, [], 39, 'The manual partition assignment includes an empty replica list.'],
    ['a', 77, [1], 3, 'Unable to find partition a:77.'],
    ['nope', 0, [1], 3, 'Unable to find a topic named nope.'],
  ])('FS-8: refuses to move %s-%d to %j', async (topic, partition, replicas, code, message) => {
    expect(await move(topic, partition, replicas)).toEqual([code, message])
  })

  it('lists nothing under way', async () => {
    const topics = [{ name: 'a', partitionIndexes: [0] }]
    expect(await admin.call(listPartitionReassignments, 0, { topics })).toMatchObject({ errorCode: 0, topics: [] })
    expect(await admin.call(listPartitionReassignments, 0, { topics: null })).toMatchObject({ topics: [] })
  })

  it('need ALTER and DESCRIBE on the cluster', async () => {
    admin.allows = () => false
    expect(await admin.call(alterPartitionReassignments, 0, { topics: [] })).toMatchObject({ errorCode: 31 })
    expect(await admin.call(listPartitionReassignments, 0, { topics: null })).toMatchObject({ errorCode: 31 })
  })
})
