import { describe, expect, it } from 'vitest'
import { readEnvironment } from '../../../broker/config/environment.ts'
import { BrokerConfig, ConfigError, loadConfig, nearestKey } from '../../../broker/config/load.ts'
import { parseProperties } from '../../../broker/config/properties.ts'

const values = (text: string) => Object.fromEntries(parseProperties(text).map(({ key, value }) => [key, value]))

describe('parseProperties', () => {
  it('reads Java’s syntax', () => {
    const text = [
      '# comment = not read',
      '  ! another: comment',
      'plain=value',
      'spaces  =  around the sign  ',
      'colon: value',
      'blank value',
      'empty=',
      'nothing',
      'equals=a=b:c',
      'escaped\\=key\\ x=1',
      'long = one, \\',
      '       two, \\',
      '       three',
      'tab\\tkey=line\\nbreak',
      'unicode=\\u00fc\\u20AC',
      'backslash=C:\\\\data',
      '',
      '   ',
    ].join('\r\n')
    expect(values(text)).toEqual({
      plain: 'value',
      spaces: 'around the sign  ',
      colon: 'value',
      blank: 'value',
      empty: '',
      nothing: '',
      equals: 'a=b:c',
      'escaped=key x': '1',
      long: 'one, two, three',
      'tab\tkey': 'line\nbreak',
      unicode: 'ü€',
      backslash: 'C:\\data',
    })
  })

  it('knows on which line each property begins', () => {
    const lines = parseProperties('a=1\n\n# c\nb=2 \\\n 3\nc=4\n').map(({ key, line }) => `${key}:${line}`)
    expect(lines).toEqual(['a:1', 'b:4', 'c:6'])
  })

  it('does not go on behind the end of the file', () => {
    expect(values('a=1\\')).toEqual({ a: '1' })
    expect(values('')).toEqual({})
  })

  it('lets the later of two win', () => {
    expect(values('a=1\na=2')).toEqual({ a: '2' })
  })
})

describe('readEnvironment', () => {
  const read = (environment: Record<string, string>) =>
    Object.fromEntries(readEnvironment(environment).map(({ key, value }) => [key, value]))

  it('maps names as the Apache image does', () => {
    expect(read({ KAFKA_ABC_DEF: '1', KAFKA_ABC__DEF: '2', KAFKA_ABC___DEF: '3', ABC_DEF: '4' })).toEqual({
      'abc.def': '1',
      abc_def: '2',
      'abc-def': '3',
    })
  })

  it('takes CLUSTER_ID, and leaves what is meant for the JVM', () => {
    expect(
      read({
        CLUSTER_ID: 'x',
        KAFKA_HEAP_OPTS: '-Xmx1g',
        KAFKA_OPTS: '',
        KAFKA_JMX_PORT: '9999',
        KAFKA_LOG4J_ROOT_LOGLEVEL: 'INFO',
        PATH: '/bin',
      }),
    ).toEqual({ 'cluster.id': 'x' })
  })

  it('derives listeners from advertised ones, as the Confluent image does', () => {
    expect(read({ KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:29092,HOST://localhost:9092' })).toMatchObject({
      listeners: 'PLAINTEXT://0.0.0.0:29092,HOST://0.0.0.0:9092',
    })
    expect(
      read({ KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:9092', KAFKA_LISTENERS: 'PLAINTEXT://:9092' }),
    ).toMatchObject({ listeners: 'PLAINTEXT://:9092' })
  })
})

describe('loadConfig', () => {
  it('lets --set win over the environment, that over the file, that over the mode, that over the defaults', () => {
    const config = loadConfig({
      preset: { 'num.partitions': '2', 'log.roll.hours': '2', 'log.index.interval.bytes': '2', 'node.id': '2' },
      file: { path: 'server.properties', text: 'num.partitions=3\nlog.roll.hours=3\nlog.index.interval.bytes=3' },
      environment: { KAFKA_NUM_PARTITIONS: '4', KAFKA_LOG_ROLL_HOURS: '4' },
      set: ['num.partitions=5', 'num.partitions = 6'],
    })
    expect(config.get('num.partitions')).toBe(6)
    expect(config.get('log.roll.hours')).toBe(4)
    expect(config.get('log.index.interval.bytes')).toBe(3)
    expect(config.nodeId).toBe(2)
    expect(config.get('message.max.bytes')).toBe(1_048_588)
    expect(Object.fromEntries([...config.settings()].map(([key, { origin }]) => [key, origin]))).toEqual({
      'num.partitions': '--set',
      'log.roll.hours': 'KAFKA_LOG_ROLL_HOURS',
      'log.index.interval.bytes': 'server.properties:3',
      'node.id': 'preset',
    })
  })

  it('stops at a wrong value with file, line, what is expected, and an example', () => {
    const load = () => loadConfig({ file: { path: 'etc/server.properties', text: '# c\nnum.partitions=three\n' } })
    expect(load).toThrow(ConfigError)
    expect(load).toThrow(
      'etc/server.properties:2: num.partitions="three": Not a number of type INT; expected an int in [1,...], for example num.partitions=1',
    )
    const fromEnvironment = () => loadConfig({ environment: { KAFKA_COMPRESSION_TYPE: 'zip' } })
    expect(fromEnvironment).toThrow(/^KAFKA_COMPRESSION_TYPE: compression.type="zip": String must be one of: /)
  })

  it('never repeats a secret in an error', () => {
    const config = loadConfig({ set: ['ssl.keystore.password=hush'] })
    expect(JSON.stringify(config.warnings)).not.toContain('hush')
  })

  it('warns of an unknown key with the nearest name, or stops if told to be strict', () => {
    const file = { path: 'f', text: 'num.partition=3' }
    expect(loadConfig({ file }).warnings).toEqual([
      'f:1: unknown config key num.partition; did you mean num.partitions?',
    ])
    expect(() => loadConfig({ file, set: ['odradek.config.strict=true'] })).toThrow(
      'f:1: unknown config key num.partition; did you mean num.partitions?',
    )
    expect(loadConfig({ set: ['something.else.entirely=1'] }).warnings).toEqual([
      '--set: unknown config key something.else.entirely',
    ])
  })

  it('understands what a cluster of one cannot mean, and says once that it does nothing', () => {
    const { warnings } = loadConfig({
      file: {
        path: 'f',
        text: 'process.roles=broker,controller\ncontroller.quorum.voters=1@a:9093\nzookeeper.connect=localhost:2181\nlistener.name.a.ssl.keystore.type=PEM',
      },
    })
    expect(warnings).toEqual([
      'understood, without effect here: process.roles, controller.quorum.voters, zookeeper.connect',
    ])
  })

  it('starts from an Apache compose file’s environment', () => {
    const config = loadConfig({
      environment: {
        KAFKA_NODE_ID: '1',
        KAFKA_PROCESS_ROLES: 'broker,controller',
        KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
        KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://localhost:9092',
        KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
        KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
        KAFKA_BROKER_RACK: '',
      },
    })
    expect(config.get('group.initial.rebalance.delay.ms')).toBe(0)
    expect(config.get('listeners')).toEqual(['PLAINTEXT://:9092', 'CONTROLLER://:9093'])
    expect(config.warnings).toHaveLength(1)
  })

  it('says how --set is written', () => {
    expect(() => loadConfig({ set: ['num.partitions'] })).toThrow('--set num.partitions: expected key=value')
  })
})

describe('nearestKey', () => {
  it('finds slips, and keeps quiet where nothing is near', () => {
    expect(nearestKey('log.segment.byte')).toBe('log.segment.bytes')
    expect(nearestKey('advertized.listeners')).toBe('advertised.listeners')
    expect(nearestKey('log.retetion.ms')).toBe('log.retention.ms')
    expect(nearestKey('xyz')).toBeUndefined()
  })
})

describe('BrokerConfig', () => {
  it('takes broker.id for node.id, and log.dir for log.dirs, where only those are set', () => {
    expect(BrokerConfig.of({ 'broker.id': '7' }).nodeId).toBe(7)
    expect(BrokerConfig.of({ 'broker.id': '7', 'node.id': '3' }).nodeId).toBe(3)
    expect(BrokerConfig.of({ 'log.dir': '/a, /b' }).logDirs).toEqual(['/a', '/b'])
    expect(BrokerConfig.of({ 'log.dir': '/a', 'log.dirs': '/c,/d' }).logDirs).toEqual(['/c', '/d'])
    expect(BrokerConfig.of().logDirs).toEqual(['./data'])
  })

  it('puts what is set at run time over what the start gave, this broker’s own over the cluster’s', () => {
    const config = BrokerConfig.of({ 'message.max.bytes': '1000' })
    const changes: string[][] = []
    config.onChange((changed) => changes.push([...changed]))
    config.setDynamic(new Map([['message.max.bytes', '2000']]), new Map())
    expect(config.get('message.max.bytes')).toBe(2000)
    config.setDynamic(new Map([['message.max.bytes', '2000']]), new Map([['message.max.bytes', '3000']]))
    expect(config.get('message.max.bytes')).toBe(3000)
    config.setDynamic(new Map(), new Map())
    expect(config.get('message.max.bytes')).toBe(1000)
    config.setDynamic(new Map(), new Map())
    expect(changes).toEqual([['message.max.bytes'], ['message.max.bytes'], ['message.max.bytes']])
  })

  it('leaves out a stored value that is not legal any more, and says so', () => {
    const config = BrokerConfig.of()
    const warnings = config.setDynamic(new Map([['message.max.bytes', 'x']]), new Map([['log.retention.ms', '5']]))
    expect(warnings).toEqual(['Invalid value x for configuration message.max.bytes: Not a number of type INT'])
    expect(config.get('message.max.bytes')).toBe(1_048_588)
    expect(config.get('log.retention.ms')).toBe(5)
  })
})
