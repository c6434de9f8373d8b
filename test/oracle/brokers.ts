/** The two brokers that are compared, started alike. */
import { setTimeout as sleep } from 'node:timers/promises'
import { startBroker } from '../../broker/index.ts'
import { FindCoordinator } from '../../protocol/apis/find-coordinator.ts'
import { InitProducerId } from '../../protocol/apis/producers.ts'
import { startApacheKafka } from '../support/apache-kafka-broker.ts'
import { RawClient } from '../support/raw-client.ts'
import type { Side } from './stage.ts'

export interface Pair {
  readonly kafka: Side
  readonly odradek: Side
  stop(): Promise<void>
}

/** What is set at both: groups that need no patience, and few internal partitions. */
const common: Readonly<Record<string, string>> = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '100',
  'group.max.size': '5',
  'offsets.topic.num.partitions': '3',
  // What Kafka must be told to be alone; we understand it.
  'process.roles': 'broker,controller',
  'controller.listener.names': 'CONTROLLER',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  // Half of Kafka's small heap otherwise.
  'log.cleaner.dedupe.buffer.size': '2097152',
}

/** The features that we do not finalize yet, so that Kafka does what it does without them. */
const features = {
  'group.version': 0,
  'transaction.version': 0,
  'share.version': 0,
  'streams.version': 0,
  'eligible.leader.replicas.version': 0,
}

/** @param kafkaAt the bootstrap of a Kafka that runs already, for quick repetitions */
export async function startPair(kafkaAt?: string): Promise<Pair> {
  const odradek = await startBroker({ config: { ...common, 'node.id': '1' } })
  const kafka =
    kafkaAt === undefined
      ? await startApacheKafka({ properties: common, features })
      : { bootstrap: kafkaAt, stop: async () => {} }
  for (const { bootstrap } of [kafka, odradek]) {
    await coordinatorIsThere(bootstrap)
    await producerIdsAreThere(bootstrap)
  }
  return {
    kafka: { name: 'Kafka', bootstrap: kafka.bootstrap, settlesInMs: 60 },
    odradek: { name: 'Odradek', bootstrap: odradek.bootstrap, settlesInMs: 0 },
    stop: async () => {
      await odradek.stop()
      await kafka.stop()
    },
  }
}

/** Kafka makes the internal topic when the first group is looked for, and loads it in its own time. */
async function coordinatorIsThere(bootstrap: string): Promise<void> {
  await using client = await RawClient.to(bootstrap)
  const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  for (let tries = 0; tries < 200; tries++) {
    const { coordinators } = await client.call(FindCoordinator, 4, { coordinatorKeys: keys })
    if (coordinators.every(({ errorCode }) => errorCode === 0)) return
    await sleep(100)
  }
  throw new Error(`${bootstrap} has no coordinator for groups`)
}

/** Kafka asks its controller for the first block of ids when the first producer comes. */
async function producerIdsAreThere(bootstrap: string): Promise<void> {
  await using client = await RawClient.to(bootstrap)
  for (let tries = 0; tries < 200; tries++) {
    const { errorCode } = await client.call(InitProducerId, 3, { transactionalId: null, transactionTimeoutMs: 1000 })
    if (errorCode === 0) return
    await sleep(100)
  }
  throw new Error(`${bootstrap} has no producer ids`)
}
