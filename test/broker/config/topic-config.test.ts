import { describe, expect, it } from 'vitest'
import { BrokerConfig } from '../../../broker/config/broker-config.ts'
import { describeBroker, describeTopic } from '../../../broker/config/describe.ts'
import { logConfigFor, topicConfig } from '../../../broker/config/topic-config.ts'
import { defaultLogConfig } from '../../../storage/log-config.ts'

const HOUR = 3_600_000
const overrides = (values: Record<string, string> = {}) => new Map(Object.entries(values))

describe('topicConfig', () => {
  it('takes the topic’s own value, else the broker’s, else the default', () => {
    const broker = BrokerConfig.of({ 'message.max.bytes': '2000', 'log.cleanup.policy': 'compact' })
    const config = topicConfig(broker, overrides({ 'max.message.bytes': '3000' }))
    expect(config.get('max.message.bytes')).toBe(3000)
    expect(config.get('cleanup.policy')).toEqual(['compact'])
    expect(config.get('segment.bytes')).toBe(1024 ** 3)
  })

  it.each([
    [{}, 168 * HOUR],
    [{ 'log.retention.hours': '1' }, HOUR],
    [{ 'log.retention.hours': '1', 'log.retention.minutes': '2' }, 120_000],
    [{ 'log.retention.hours': '1', 'log.retention.minutes': '2', 'log.retention.ms': '3' }, 3],
    [{ 'log.retention.hours': '-1' }, -1],
    [{ 'log.retention.ms': '-1' }, -1],
  ])('takes milliseconds before minutes before hours: %j', (values, retention) => {
    expect(topicConfig(BrokerConfig.of(values as Record<string, string>), overrides()).get('retention.ms')).toBe(
      retention,
    )
  })

  it('falls back where a stored value is not legal any more', () => {
    const config = topicConfig(BrokerConfig.of(), overrides({ 'retention.ms': 'x' }))
    expect(config.get('retention.ms')).toBe(168 * HOUR)
  })
})

describe('logConfigFor', () => {
  it('says with the defaults what storage has for defaults', () => {
    const broker = BrokerConfig.of()
    expect(logConfigFor(topicConfig(broker, overrides()), broker)).toEqual(defaultLogConfig)
  })

  it('lets the hidden internal.segment.bytes go below the floor of segment.bytes', () => {
    const broker = BrokerConfig.of({ 'log.flush.policy': 'os' })
    const set = overrides({ 'internal.segment.bytes': '100', 'cleanup.policy': 'compact,delete' })
    expect(logConfigFor(topicConfig(broker, set), broker)).toMatchObject({
      segmentBytes: 100,
      flushPolicy: 'os',
      deletes: true,
      compacts: true,
    })
  })
})

describe('the chain behind a config', () => {
  const chainOf = (broker: BrokerConfig, name: string, set = overrides()) => {
    const entry = [...describeTopic(broker, set), ...describeBroker(broker)].find((one) => one.name === name)
    return entry?.synonyms.map(({ name, value, source }) => `${name}=${value} ${source}`)
  }

  it('FS-5: goes from the topic over this broker, all brokers and the file to the default', () => {
    const broker = BrokerConfig.of({ 'log.segment.bytes': '2000000' })
    broker.setDynamic(new Map([['log.segment.bytes', '3000000']]), new Map([['log.segment.bytes', '4000000']]))
    expect(chainOf(broker, 'segment.bytes', overrides({ 'segment.bytes': '5000000' }))).toEqual([
      'segment.bytes=5000000 DYNAMIC_TOPIC_CONFIG',
      'log.segment.bytes=4000000 DYNAMIC_BROKER_CONFIG',
      'log.segment.bytes=3000000 DYNAMIC_DEFAULT_BROKER_CONFIG',
      'log.segment.bytes=2000000 STATIC_BROKER_CONFIG',
      'log.segment.bytes=1073741824 DEFAULT_CONFIG',
    ])
  })

  it('FS-5: begins, as Kafka’s does, where the key itself is set', () => {
    const broker = BrokerConfig.of()
    expect(chainOf(broker, 'retention.ms')).toEqual([])
    expect(chainOf(broker, 'segment.ms')).toEqual([])
    expect(chainOf(broker, 'log.retention.hours')).toEqual(['log.retention.hours=168 DEFAULT_CONFIG'])
    broker.setDynamic(new Map([['log.retention.ms', '456']]), new Map([['log.retention.ms', '123']]))
    const behind = [
      'log.retention.ms=123 DYNAMIC_BROKER_CONFIG',
      'log.retention.ms=456 DYNAMIC_DEFAULT_BROKER_CONFIG',
      'log.retention.hours=168 DEFAULT_CONFIG',
    ]
    expect(chainOf(broker, 'retention.ms')).toEqual(behind)
    expect(chainOf(broker, 'log.retention.ms')).toEqual(behind)
  })
})
