/** Loads by an unmodified kafkajs: what most Node programs get. Usually the client is the limit, not the broker. */
import { CompressionTypes, Kafka, logLevel, Partitioners } from 'kafkajs'
import { BATCH_HEADER_BYTES } from '../../protocol/records/batch.ts'
import { recordValue } from './batches.ts'
import { CLIENT_ID } from './connection.ts'
import type { Address, KafkajsConsumeJob, KafkajsProduceJob, LoadResult, Phase, PreparedLoad } from './jobs.ts'
import { Latencies, summaries } from './latency.ts'
import { Meter, startClock } from './meter.ts'

export async function prepareKafkajsProduce(job: KafkajsProduceJob): Promise<PreparedLoad> {
  const producer = clientOf(job.broker).producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const value = recordValue(job.recordBytes)
  const messages = Array.from({ length: job.recordsPerSend }, () => ({ value }))
  const send = { topic: job.topic.name, acks: job.acks, compression: CompressionTypes.None, messages }
  const payloadBytes = job.recordsPerSend * job.recordBytes
  // kafkajs does not tell what it put on the wire; this is close.
  const batchBytes = payloadBytes + BATCH_HEADER_BYTES

  const run = async (onPhase?: (phase: Phase) => void): Promise<LoadResult> => {
    const meter = new Meter(onPhase)
    const latencies = new Latencies()
    let left = job.stop.kind === 'count' ? job.stop.count : Number.POSITIVE_INFINITY
    try {
      startClock(meter, job.stop, () => {
        left = 0
      })
      for (; left > 0; left--) {
        const sentAt = performance.now()
        await producer.send(send)
        meter.add(job.recordsPerSend, payloadBytes, batchBytes)
        if (meter.measuring) latencies.record(performance.now() - sentAt)
      }
      if (job.stop.kind === 'count') meter.end()
      return { ...meter.result(), latenciesUs: summaries({ request: latencies }) }
    } finally {
      await producer.disconnect()
    }
  }
  return { run }
}

/** Measured from the first batch that arrives, so that finding and joining the group is not in the figure. */
export async function prepareKafkajsConsume(job: KafkajsConsumeJob): Promise<PreparedLoad> {
  const consumer = clientOf(job.broker).consumer({ groupId: job.groupId })
  await consumer.connect()
  await consumer.subscribe({ topic: job.topic.name, fromBeginning: true })

  const run = async (onPhase?: (phase: Phase) => void): Promise<LoadResult> => {
    const meter = new Meter(onPhase)
    let records = 0
    try {
      await new Promise<void>((resolve, reject) => {
        const eachBatch = async ({ batch }: { batch: { messages: readonly unknown[] } }) => {
          const { length } = batch.messages
          records += length
          meter.add(length, length * job.recordBytes, length * job.recordBytes)
          if (!meter.measuring) meter.begin()
          if (records >= job.count) resolve()
        }
        consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
        consumer.run({ eachBatch }).catch(reject)
      })
      meter.end()
      if (records !== job.count) throw new Error(`expected ${job.count} records, got ${records}`)
      return { ...meter.result(), latenciesUs: {} }
    } finally {
      await consumer.disconnect()
    }
  }
  return { run }
}

function clientOf({ host, port }: Address): Kafka {
  return new Kafka({ clientId: CLIENT_ID, brokers: [`${host}:${port}`], logLevel: logLevel.NOTHING })
}
