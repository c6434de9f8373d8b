import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createTopic, endOffsets } from '../../../bench/load/admin.ts'
import { Generators } from '../../../bench/load/generators.ts'
import type { ProduceJob } from '../../../bench/load/jobs.ts'
import { startBroker } from '../../../broker/index.ts'

const folder = join(import.meta.dirname, '../../../bench/results')

describe('generator processes', () => {
  beforeAll(() => mkdirSync(folder, { recursive: true }))

  async function site(partitions: number) {
    const broker = await startBroker()
    onTestFinished(() => broker.stop())
    const generators = await Generators.build(folder)
    onTestFinished(() => generators.stop())
    const [{ host, port } = { host: '', port: 0 }] = broker.listeners
    const topic = await createTopic({ host, port }, 'load', partitions)
    const job: ProduceJob = {
      kind: 'produce',
      broker: { host, port },
      topic,
      acks: 1,
      recordBytes: 10,
      batchBytes: 1,
      partitionsPerRequest: 1,
      connections: 1,
      window: 2,
      stop: { kind: 'count', count: 30 },
    }
    return { generators, job }
  }

  it('run jobs side by side, and are used again', async () => {
    const { generators, job } = await site(2)
    const phases: string[] = []
    const results = await generators.run([job, job], (phase) => phases.push(phase))
    expect(results.map(({ total }) => total.records)).toEqual([30, 30])
    expect(phases).toEqual(['measuring', 'measured'])
    const [again] = await generators.run([{ ...job, stop: { kind: 'count', count: 4 } }])
    expect(again?.measured.records).toBe(4)
    expect(await endOffsets(job.broker, job.topic)).toEqual([32, 32])
  })

  it('say why a job failed, and take another one after it', async () => {
    const { generators, job } = await site(1)
    const beyond = { ...job, topic: { ...job.topic, partitions: 2 } }
    await expect(generators.run([beyond])).rejects.toThrow('load-1 refused a batch: UNKNOWN_TOPIC_OR_PARTITION')
    await expect(generators.run([{ ...job, broker: { host: '127.0.0.1', port: 1 } }])).rejects.toThrow('ECONNREFUSED')
    const [result] = await generators.run([job])
    expect(result?.total.records).toBe(30)
  })
})
