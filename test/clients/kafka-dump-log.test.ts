import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CompressionTypes } from 'kafkajs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startBroker } from '../../broker/index.ts'
import { kafkaTools } from '../support/apache-kafka.ts'
import { temporaryFolder } from '../support/broker-process.ts'
import { consume, kafkaClient, range } from '../support/kafkajs.ts'

const DUMP_LOG = 'org.apache.kafka.tools.DumpLogSegments'
const why = kafkaTools === undefined ? ' (skipped: needs Java 17 and Maven)' : ''

describe.skipIf(kafkaTools === undefined)(`Apache Kafka's kafka-dump-log reads what we write${why}`, () => {
  it('segments, indexes, snapshots and __consumer_offsets', async () => {
    const dataDir = temporaryFolder()
    const broker = await startBroker({ dataDir, config: { 'log.index.interval.bytes': '1000' } })
    onTestFinished(() => broker.stop())
    const kafka = kafkaClient(broker.bootstrap)
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({
      topics: [{ topic: 'dumped', configEntries: [{ name: 'segment.bytes', value: String(1024 * 1024) }] }],
    })
    const producer = kafka.producer({ idempotent: true })
    await producer.connect()
    for (const i of range(20)) {
      const compression = i % 2 === 0 ? CompressionTypes.None : CompressionTypes.GZIP
      const value = (n: number) => `${i}-${n}-`.padEnd(20_000, 'x')
      await producer.send({
        topic: 'dumped',
        compression,
        messages: range(8).map((n) => ({ key: `k${n}`, value: value(n), headers: { h: 'v' } })),
      })
    }
    const { consumer, inbox } = await consume(kafka, 'dump-group', 'dumped')
    await inbox.count(160)
    await consumer.disconnect()
    await producer.disconnect()
    await admin.disconnect()
    await broker.stop()

    const files = (folder: string) => readdirSync(join(dataDir, folder)).map((name) => join(dataDir, folder, name))
    const of = (folder: string, suffix: string) =>
      files(folder)
        .filter((name) => name.endsWith(suffix))
        .sort()
    const dump = (paths: readonly string[], ...flags: string[]) =>
      kafkaTools!.run(DUMP_LOG, '--files', paths.join(','), ...flags)

    const logs = of('dumped-0', '.log')
    expect(logs.length).toBeGreaterThan(1)
    const records = await dump(logs, '--print-data-log', '--deep-iteration')
    const offsets = [
      ...records.matchAll(/^\| offset: (\d+) .* sequence: (\d+) .*headerKeys: \[h\] key: k\d payload: /gm),
    ]
    expect(offsets.map((match) => Number(match[1]))).toEqual(range(160))
    expect(records).not.toMatch(/isvalid: false/)

    const indexes = await dump([...of('dumped-0', '.index'), ...of('dumped-0', '.timeindex')], '--verify-index-only')
    expect(indexes).not.toMatch(/Mismatches|Found timestamp mismatch|out of order/)
    expect(await dump(of('dumped-0', '.index'))).toMatch(/offset: \d+ position: [1-9]/)

    const [snapshot] = of('dumped-0', '.snapshot').slice(-1)
    expect(await dump([snapshot!])).toMatch(/producerId: \d+ producerEpoch: 0 .* lastSeq/i)

    const committed = await dump(of('__consumer_offsets-0', '.log'), '--offsets-decoder', '--print-data-log')
    expect(committed).toContain('"group":"dump-group"')
    expect(committed).toMatch(/"offset":160/)
    expect(committed).toMatch(/"protocolType":"consumer"/)
  }, 240_000)
})
