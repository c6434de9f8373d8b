import { describe, expect, it } from 'vitest'
import { BrokerConfig } from '../../../broker/config/broker-config.ts'
import { topicConfig } from '../../../broker/config/topic-config.ts'
import { ClusterImage, type TopicImage } from '../../../broker/metadata/image.ts'
import { Partitions } from '../../../broker/partitions/partitions.ts'
import { topicRules } from '../../../broker/partitions/topic-rules.ts'
import { silentLogger } from '../../../broker/runtime/logger.ts'
import { BrokerMetrics } from '../../../broker/runtime/metrics.ts'
import { seededRandom } from '../../../broker/runtime/random.ts'
import { LogDirectory, MemoryFileSystem, TailCache } from '../../../storage/index.ts'
import { values } from '../../support/embedded-broker.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { FaultyFileSystem } from '../../support/faulty-file-system.ts'

/** A topic id that can be told by its name. */
const idOf = (name: string): string => name.padEnd(22, 'A')

/** Two log directories, and an image that the test sets. */
async function partitions() {
  const clock = new FakeClock()
  const disk = new FaultyFileSystem(new MemoryFileSystem({ clock }))
  const directories: LogDirectory[] = []
  for (const path of ['/one', '/two']) {
    directories.push(
      await LogDirectory.open({
        path,
        fileSystem: disk,
        clock,
        random: seededRandom(1),
        clusterId: 'c',
        nodeId: 1,
        tailCache: new TailCache(1 << 20),
        maxOpenFiles: 16,
        logger: silentLogger,
      }),
    )
  }
  let image = new ClusterImage({
    revision: 1n,
    clusterId: 'c',
    controllerId: 1,
    brokers: new Map(),
    topics: new Map(),
    configs: new Map(),
  })
  const show = (name: string, count: number, leader = 1) => {
    const topic: TopicImage = {
      id: idOf(name),
      name,
      internal: false,
      configs: new Map(),
      partitions: Array.from({ length: count }, () => ({ leader, leaderEpoch: 0, replicas: [leader] })),
    }
    image = image.withTopics(2n, [topic])
  }
  const broker = BrokerConfig.of()
  const all = new Partitions({
    nodeId: 1,
    directories,
    image: () => image,
    rules: () => topicRules(topicConfig(broker, new Map()), broker, false),
    metrics: new BrokerMetrics(),
    logger: silentLogger,
  })
  const create = (topic: string, from: number, to: number) => all.create({ topic, topicId: idOf(topic), from, to })
  return { all, create, show, directories, disk, clock }
}

describe('Partitions', () => {
  it('serves what the image names, and says why it does not serve the rest', async () => {
    const { all, create, show } = await partitions()
    await create('t', 0, 2)
    expect(all.findByName('t', 0)).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(all.findById(idOf('t'), 0)).toBe('UNKNOWN_TOPIC_ID')
    show('t', 2)
    expect(all.findByName('t', 1)).toMatchObject({ topic: 't', index: 1 })
    expect(all.findById(idOf('t'), 1)).toBe(all.findByName('t', 1))
    expect(all.findByName('t', 2)).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    show('elsewhere', 1, 2)
    expect(all.findByName('elsewhere', 0)).toBe('NOT_LEADER_OR_FOLLOWER')
    show('broken', 1)
    expect(all.findByName('broken', 0)).toBe('KAFKA_STORAGE_ERROR')
  })

  it('places each new partition where the fewest are', async () => {
    const { create, directories } = await partitions()
    await create('a', 0, 3)
    await create('b', 0, 3)
    expect(directories.map(({ logCount }) => logCount)).toEqual([3, 3])
  })

  it('AD-11: an attempt to grow that failed after its logs were made can be repeated', async () => {
    const { all, create, show } = await partitions()
    await create('t', 0, 1)
    show('t', 1)
    await create('t', 1, 3)
    await create('t', 1, 2)
    show('t', 2)
    expect([0, 1].map((index) => typeof all.findByName('t', index))).toEqual(['object', 'object'])
    expect(all.count).toBe(2)
  })

  it('makes nothing when the disk refuses', async () => {
    const { all, create, disk } = await partitions()
    disk.fail({ operation: 'mkdir', nth: 2, errno: 'ENOSPC' })
    await expect(create('t', 0, 2)).rejects.toMatchObject({ code: 'NO_SPACE' })
    disk.heal()
    await all.remove(idOf('t'))
    expect(all.count).toBe(0)
  })

  it('AD-10: a topic that is made again is another one, and begins at 0', async () => {
    const { all, create, show, clock } = await partitions()
    await create('t', 0, 1)
    show('t', 1)
    const first = all.findByName('t', 0)
    if (typeof first === 'string') throw new Error(first)
    first.append(values(['x'], { baseTimestamp: 1 }), 'client')
    clock.endTurn()
    await all.remove(idOf('t'))
    await create('t', 0, 1)
    expect(all.findByName('t', 0)).toMatchObject({ highWatermark: 0, closed: undefined })
    expect(first.closed).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  })
})
