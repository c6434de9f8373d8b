import { beforeEach, describe, expect, it } from 'vitest'
import { describeProducers, initProducerId } from '../../../broker/handlers/producers.ts'
import type { Partition } from '../../../broker/partitions/partition.ts'
import { BlockProducerIds } from '../../../broker/producer-ids.ts'
import type { ProducerEntry } from '../../../storage/index.ts'
import { AdminHandlers } from '../../support/admin-handlers.ts'

let admin: AdminHandlers
beforeEach(async () => {
  admin = await AdminHandlers.open()
  admin.producerIds = new BlockProducerIds(admin.cluster)
})

describe('InitProducerId', () => {
  const init = (request: object = {}, version = 5) =>
    admin.call(initProducerId, version, { transactionalId: null, transactionTimeoutMs: 0, ...request })

  it('TX-1: never gives the same id twice, with epoch 0, over many blocks and over a restart', async () => {
    const seen = new Set<number>()
    for (let i = 0; i < 2500; i++) {
      const { errorCode, producerId, producerEpoch } = await init()
      expect([errorCode, producerEpoch]).toEqual([0, 0])
      seen.add(producerId)
    }
    expect(seen.size).toBe(2500)
    admin.producerIds = new BlockProducerIds(admin.cluster)
    expect(seen.has((await init()).producerId)).toBe(false)
  })

  it('TX-1: gives each of many that ask at once an id of its own', async () => {
    const answers = await Promise.all(Array.from({ length: 1500 }, () => init()))
    expect(new Set(answers.map(({ producerId }) => producerId)).size).toBe(1500)
  })

  it('TX-1: gives a producer that renews its identity a new one', async () => {
    const first = await init()
    const next = await init({ producerId: first.producerId, producerEpoch: 0 })
    expect(next.errorCode).toBe(0)
    expect(next.producerId).not.toBe(first.producerId)
  })

  it('TX-5: refuses an id without an epoch and an epoch without an id', async () => {
    expect(await init({ producerId: 5 })).toMatchObject({ errorCode: 42, producerId: -1 })
    expect(await init({ producerEpoch: 5 })).toMatchObject({ errorCode: 42, producerId: -1 })
  })

  it('TX-2: refuses an empty transactional id', async () => {
    expect(await init({ transactionalId: '' })).toMatchObject({ errorCode: 42 })
  })

  it('answers a transactional id with UNSUPPORTED_VERSION until transactions are served', async () => {
    expect(await init({ transactionalId: 't', transactionTimeoutMs: 1000 }, 1)).toMatchObject({ errorCode: 35 })
  })

  it('needs IDEMPOTENT_WRITE on the cluster, or WRITE on any topic', async () => {
    admin.allows = (operation, _resource, name) => operation === 'WRITE' && name === 'mine'
    expect(await init()).toMatchObject({ errorCode: 31 })
    await admin.topic('mine')
    expect(await init()).toMatchObject({ errorCode: 0 })
    expect(await init({ transactionalId: 'other' })).toMatchObject({ errorCode: 53 })
  })
})

describe('DescribeProducers', () => {
  const partition = (...producers: Partial<ProducerEntry>[]): Partition =>
    ({ log: { producers: () => producers.values() } }) as unknown as Partition
  const describeOne = async (name: string, partitionIndexes: number[]) =>
    (await admin.call(describeProducers, 0, { topics: [{ name, partitionIndexes }] })).topics[0]!.partitions

  it('TX-25: tells what a partition remembers of its producers', async () => {
    const batch = { firstSequence: 3, lastSequence: 7, lastOffset: 20, offsetDelta: 4, timestamp: 99 }
    admin.partitions.set(
      't-0',
      partition(
        {
          producerId: 11,
          producerEpoch: 2,
          batches: [batch],
          coordinatorEpoch: 5,
          currentTxnFirstOffset: 16,
          lastTimestamp: 99,
        },
        {
          producerId: 12,
          producerEpoch: 0,
          batches: [],
          coordinatorEpoch: -1,
          currentTxnFirstOffset: -1,
          lastTimestamp: 1,
        },
      ),
    )
    const [described] = await describeOne('t', [0])
    expect(described?.activeProducers).toEqual([
      {
        producerId: 11,
        producerEpoch: 2,
        lastSequence: 7,
        lastTimestamp: 99,
        coordinatorEpoch: 5,
        currentTxnStartOffset: 16,
      },
      {
        producerId: 12,
        producerEpoch: 0,
        lastSequence: -1,
        lastTimestamp: 1,
        coordinatorEpoch: -1,
        currentTxnStartOffset: -1,
      },
    ])
  })

  it('answers each partition on its own', async () => {
    admin.partitions.set('t-0', partition())
    const codes = async (name: string, indexes: number[]) =>
      (await describeOne(name, indexes)).map(({ errorCode }) => errorCode)
    expect(await codes('t', [0, 99, 0])).toEqual([0, 3, 42])
    expect(await codes('a b', [0])).toEqual([17])
    admin.allows = () => false
    expect(await codes('t', [0])).toEqual([29])
  })
})
