import { describe, expect, it } from 'vitest'
import type { Broker } from '../../broker/index.ts'
import { countedMetrics, registeredMetrics, statusMetrics } from '../../broker/runtime/metric-table.ts'
import { startHttp } from '../../http/server.ts'
import { fakeBroker, fakeTopic } from '../support/fake-broker.ts'

const PRODUCE = 0

/** The lines of one scrape that are samples. */
async function scrape(broker: Broker, maxPartitionSeries?: number): Promise<string[]> {
  const options = maxPartitionSeries === undefined ? {} : { maxPartitionSeries }
  const server = await startHttp(broker, '127.0.0.1:0', options)
  const answer = await fetch(`${server.url}/metrics`)
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  const text = await answer.text()
  await server.stop()
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

describe('/metrics', () => {
  it('shows topic counters with and without a topic, as dashboards for the JMX exporter ask for both', async () => {
    const broker = fakeBroker()
    broker.metrics.topic('orders').messagesIn += 5
    broker.metrics.topic('bills').messagesIn += 2
    const lines = await scrape(broker)
    expect(lines).toContain('kafka_server_brokertopicmetrics_messagesin_total{topic="orders"} 5')
    expect(lines).toContain('kafka_server_brokertopicmetrics_messagesin_total{topic="bills"} 2')
    expect(lines).toContain('kafka_server_brokertopicmetrics_messagesin_total 7')
  })

  it('keeps the totals when a topic is deleted, and drops its series', async () => {
    const broker = fakeBroker()
    broker.metrics.topic('orders').bytesIn += 100
    broker.metrics.dropTopic('orders')
    const lines = await scrape(broker)
    expect(lines).toContain('kafka_server_brokertopicmetrics_bytesin_total 100')
    expect(lines.filter((line) => line.includes('topic="orders"'))).toEqual([])
  })

  it('counts requests and their latency by the name of the API', async () => {
    const broker = fakeBroker()
    broker.metrics.requestDone(PRODUCE, 0.000_1)
    broker.metrics.requestDone(PRODUCE, 0.3)
    broker.metrics.requestDone(PRODUCE, 60)
    broker.metrics.requestFailed(PRODUCE, 'CORRUPT_MESSAGE')
    const lines = await scrape(broker)
    expect(lines).toContain('kafka_network_requestmetrics_requests_total{request="Produce"} 3')
    expect(lines).toContain('odradek_request_errors_total{request="Produce",error="CORRUPT_MESSAGE"} 1')
    const bucket = (le: string) =>
      lines.find((line) => line.startsWith('odradek_request_duration_seconds_bucket') && line.includes(`le="${le}"`))
    expect(bucket('0.00025')).toMatch(/ 1$/)
    expect(bucket('0.25')).toMatch(/ 1$/)
    expect(bucket('0.5')).toMatch(/ 2$/)
    expect(bucket('30')).toMatch(/ 2$/)
    expect(bucket('+Inf')).toMatch(/ 3$/)
    expect(lines).toContain('odradek_request_duration_seconds_count{request="Produce"} 3')
  })

  it('shows offsets, sizes and group lag under the names of kafka_exporter', async () => {
    const broker = fakeBroker()
    broker.topics = [fakeTopic('orders')]
    const offsets = [
      { topic: 'orders', partition: 0, offset: '20', lag: 9 },
      { topic: 'gone', partition: 4, offset: '3', lag: null },
    ]
    broker.groups = [{ groupId: 'billing', state: 'Stable', protocolType: 'consumer', members: 2, lag: 9, offsets }]
    const lines = await scrape(broker)
    expect(lines).toContain('kafka_topic_partitions{topic="orders"} 1')
    expect(lines).toContain('kafka_topic_partition_current_offset{topic="orders",partition="0"} 29')
    expect(lines).toContain('kafka_topic_partition_oldest_offset{topic="orders",partition="0"} 10')
    expect(lines).toContain('kafka_log_log_size{topic="orders",partition="0"} 4096')
    expect(lines).toContain('kafka_consumergroup_lag{consumergroup="billing",topic="orders",partition="0"} 9')
    expect(lines).toContain('kafka_consumergroup_lag_sum{consumergroup="billing",topic="orders"} 9')
    expect(lines).toContain('kafka_consumergroup_members{consumergroup="billing"} 2')
    expect(lines.filter((line) => line.startsWith('kafka_consumergroup_lag{') && line.includes('gone'))).toEqual([])
  })

  it('reads registered gauges when it is asked, and leaves out what nobody registered', async () => {
    const broker = fakeBroker()
    let sessions = 1
    broker.metrics.gauge('odradek_fetch_sessions', () => sessions)
    broker.metrics.gauge('odradek_groups', () => [[{ state: 'Stable' }, 4]])
    sessions = 3
    const lines = await scrape(broker)
    expect(lines).toContain('odradek_fetch_sessions 3')
    expect(lines).toContain('odradek_groups{state="Stable"} 4')
    expect(lines.filter((line) => line.startsWith('odradek_tail_cache_bytes'))).toEqual([])
  })

  it('escapes what clients named', async () => {
    const broker = fakeBroker()
    broker.groups = [{ groupId: 'a"b\\\nc', state: 'Empty', protocolType: '', members: 0, lag: 0, offsets: [] }]
    expect(await scrape(broker)).toContain('kafka_consumergroup_members{consumergroup="a\\"b\\\\\\nc"} 0')
  })

  it('leaves out partitions beyond the limit of series and says how many', async () => {
    const broker = fakeBroker()
    broker.topics = [fakeTopic('one'), fakeTopic('two'), fakeTopic('three')]
    const lines = await scrape(broker, 2)
    expect(lines.filter((line) => line.startsWith('kafka_log_log_size'))).toHaveLength(2)
    expect(lines).toContain('odradek_partition_series_dropped 1')
    expect(lines).toContain('kafka_server_replicamanager_partitioncount 3')
  })

  it('has the figures of the process', async () => {
    const lines = await scrape(fakeBroker())
    for (const name of ['process_resident_memory_bytes', 'process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds']) {
      expect(lines.some((line) => line.startsWith(name))).toBe(true)
    }
  })

  it('defines each name once', () => {
    const names = [countedMetrics, registeredMetrics, statusMetrics].flatMap((table) => Object.keys(table))
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^(kafka|odradek)_[a-z_]+$/)
  })
})
