import { BrokerConfig } from '../../broker/config/broker-config.ts'
import { topicConfig } from '../../broker/config/topic-config.ts'
import { Partition } from '../../broker/partitions/partition.ts'
import { topicRules } from '../../broker/partitions/topic-rules.ts'
import { BrokerMetrics } from '../../broker/runtime/metrics.ts'
import { type LogConfig, MemoryFileSystem } from '../../storage/index.ts'
import { values } from './embedded-broker.ts'
import { FakeClock } from './fake-clock.ts'
import { FaultyFileSystem } from './faulty-file-system.ts'
import { LogContext } from './log-context.ts'

/** A partition over a log on a disk that fails when told to. Everything happens when the turn ends. */
export async function partitionOnDisk(config: Partial<LogConfig> = {}) {
  const clock = new FakeClock()
  const memory = new MemoryFileSystem({ tracksCrashes: true, clock })
  const disk = new FaultyFileSystem(memory)
  const context = await LogContext.open({ clock, memory, fileSystem: disk, config })
  const broker = BrokerConfig.of()
  const rules = topicRules(topicConfig(broker, new Map()), broker, false)
  const identity = { topicId: 'id', topic: 'events', index: 0, leaderEpoch: 0 }
  const under = new Partition(identity, context.log, rules, new BrokerMetrics().topic('events'))
  const told: string[] = []
  const waiter = (name: string) => ({ settled: (_slot: number, error = 'ok') => told.push(`${name}: ${error}`) })
  const append = (...texts: string[]) => under.append(values(texts), 'client')
  const settle = async () => {
    await context.log.flush()
    clock.endTurn()
  }
  return { under, clock, disk, context, told, waiter, append, settle }
}
