import { describe, expect, it } from 'vitest'
import { BrokerMetrics, DurationHistogram, durationBuckets } from '../../../broker/runtime/metrics.ts'

describe('DurationHistogram', () => {
  it('puts a duration into the first bucket that holds it, bounds included', () => {
    const histogram = new DurationHistogram()
    for (const bound of durationBuckets) histogram.observe(bound)
    histogram.observe(1_000)
    expect([...histogram.buckets]).toEqual(new Array(durationBuckets.length + 1).fill(1))
    expect(histogram.count).toBe(durationBuckets.length + 1)
  })

  it('has rising bounds', () => {
    expect([...durationBuckets].sort((a, b) => a - b)).toEqual([...durationBuckets])
  })
})

describe('BrokerMetrics', () => {
  it('gives the same counters of a topic to all who ask', () => {
    const metrics = new BrokerMetrics()
    metrics.topic('orders').bytesOut += 3
    expect(metrics.topic('orders').bytesOut).toBe(3)
  })

  it('never lets a total fall, though topics come and go under one name', () => {
    const metrics = new BrokerMetrics()
    metrics.topic('orders').messagesIn += 4
    metrics.dropTopic('orders')
    metrics.topic('orders').messagesIn += 1
    expect(metrics.topicTotals().messagesIn).toBe(5)
    expect(metrics.topic('orders').messagesIn).toBe(1)
    metrics.dropTopic('never-there')
  })

  it('counts by reason, by API and by error', () => {
    const metrics = new BrokerMetrics()
    metrics.closed('idle')
    metrics.closed('idle')
    metrics.rejected('too many connections')
    metrics.requestDone(18, 0.001)
    metrics.requestFailed(0, 'NOT_LEADER_OR_FOLLOWER')
    metrics.flushDone(0.002, 7)
    expect(metrics.closedByReason).toEqual(new Map([['idle', 2]]))
    expect(metrics.rejectedByReason).toEqual(new Map([['too many connections', 1]]))
    expect([...metrics.durations()].map(([key, { count }]) => [key, count])).toEqual([[18, 1]])
    expect([...metrics.errors()]).toEqual([[0, new Map([['NOT_LEADER_OR_FOLLOWER', 1]])]])
    expect([metrics.flushes.count, metrics.flushedLogs]).toEqual([1, 7])
  })
})
