import { beforeEach, describe, expect, it } from 'vitest'
import { alterConfigs, describeConfigs, incrementalAlterConfigs } from '../../../broker/handlers/configs.ts'
import { errorMessage } from '../../../protocol/errors.ts'
import { AdminHandlers } from '../../support/admin-handlers.ts'

const TOPIC = 2
const BROKER = 4
const BROKER_LOGGER = 8
const GROUP = 32
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3]

let admin: AdminHandlers
beforeEach(async () => {
  admin = await AdminHandlers.open({ 'log.segment.bytes': '2000000' })
  await admin.topic('t', 1, { 'retention.ms': '77', 'cleanup.policy': 'compact' })
})

const describeOne = async (type: number, name: string, keys: string[] | null = null, version = 4) => {
  const { results } = await admin.call(describeConfigs, version, {
    resources: [{ resourceType: type, resourceName: name, configurationKeys: keys }],
    includeSynonyms: true,
    includeDocumentation: version >= 3,
  })
  return results[0]!
}
const inForce = async (type: number, name: string, key: string) =>
  (await describeOne(type, name, [key])).configs[0]?.value

type Edit = [name: string, operation: number, value: string | null]
const change = async (type: number, name: string, edits: Edit[], validateOnly = false) => {
  const configs = edits.map(([name, configOperation, value]) => ({ name, configOperation, value }))
  const resources = [{ resourceType: type, resourceName: name, configs }]
  const { responses } = await admin.call(incrementalAlterConfigs, 1, { resources, validateOnly })
  return [responses[0]!.errorCode, responses[0]!.errorMessage]
}
const replace = async (type: number, name: string, configs: Record<string, string | null>) => {
  const given = Object.entries(configs).map(([name, value]) => ({ name, value }))
  const resources = [{ resourceType: type, resourceName: name, configs: given }]
  const { responses } = await admin.call(alterConfigs, 2, { resources, validateOnly: false })
  return [responses[0]!.errorCode, responses[0]!.errorMessage]
}
const done = [0, null]

describe('DescribeConfigs', () => {
  it.each([null, []])('AD-13: gives every config for the key list %j', async (keys) => {
    const { errorCode, configs } = await describeOne(TOPIC, 't', keys)
    expect(errorCode).toBe(0)
    expect(configs).toHaveLength(34) // the 33 of Kafka and flush.policy
    expect(new Set(configs.map(({ name }) => name)).size).toBe(34)
  })

  it('AD-13: gives value, source, type, synonyms and documentation of the named ones, and leaves out unknown ones', async () => {
    const { configs } = await describeOne(TOPIC, 't', ['retention.ms', 'segment.bytes', 'nonsense'])
    expect(configs).toEqual([
      {
        name: 'retention.ms',
        value: '77',
        readOnly: false,
        configSource: 1,
        isSensitive: false,
        synonyms: [{ name: 'retention.ms', value: '77', source: 1 }],
        configType: 5,
        documentation: expect.stringContaining('kept'),
      },
      {
        name: 'segment.bytes',
        value: '2000000',
        readOnly: false,
        configSource: 4,
        isSensitive: false,
        synonyms: [
          { name: 'log.segment.bytes', value: '2000000', source: 4 },
          { name: 'log.segment.bytes', value: '1073741824', source: 5 },
        ],
        configType: 3,
        documentation: expect.stringContaining('segment'),
      },
    ])
  })

  it('AD-13: leaves types out below v3, synonyms and documentation where nobody asked', async () => {
    const { configs } = await describeOne(TOPIC, 't', ['retention.ms'], 1)
    expect(configs[0]).toMatchObject({ value: '77', configSource: 1, configType: 0 })
    const { results } = await admin.call(describeConfigs, 4, {
      resources: [{ resourceType: TOPIC, resourceName: 't', configurationKeys: ['retention.ms'] }],
    })
    expect(results[0]?.configs[0]).toMatchObject({ synonyms: [], documentation: null })
  })

  it('AD-13: knows an unknown topic from an impossible one', async () => {
    expect(await describeOne(TOPIC, 'nope')).toMatchObject({ errorCode: 3, configs: [] })
    expect(await describeOne(TOPIC, 'a b')).toMatchObject({ errorCode: 17, configs: [] })
  })

  it('AD-14: gives null for what is sensitive', async () => {
    admin = await AdminHandlers.open({ 'ssl.keystore.password': 'hush' })
    const { configs } = await describeOne(BROKER, '1', ['ssl.keystore.password'])
    expect(configs).toMatchObject([
      { value: null, isSensitive: true, configType: 9, synonyms: [{ value: null, source: 4 }] },
    ])
    expect(JSON.stringify(await describeOne(BROKER, '1'))).not.toContain('hush')
  })

  it('AD-18: describes this broker, what is set for all brokers, and no other one', async () => {
    const { configs } = await describeOne(BROKER, '1', ['node.id', 'message.max.bytes', 'log.retention.ms'])
    expect(configs.map(({ name, value, readOnly, configSource }) => [name, value, readOnly, configSource])).toEqual([
      ['node.id', '1', true, 5],
      ['log.retention.ms', null, false, 5],
      ['message.max.bytes', '1048588', false, 5],
    ])
    expect((await describeOne(BROKER, '')).configs).toEqual([])
    expect(await describeOne(BROKER, '2')).toMatchObject({
      errorCode: 42,
      errorMessage: 'Unexpected broker id, expected 1 or empty string, but received 2',
    })
    expect(await describeOne(BROKER, 'x')).toMatchObject({
      errorCode: 42,
      errorMessage: 'Broker id must be an integer, but it is: x',
    })
  })

  it('hides internal keys', async () => {
    const { configs } = await describeOne(BROKER, '1')
    const names = configs.map(({ name }) => name)
    expect(names).toContain('log.segment.bytes')
    expect(names).not.toContain('producer.id.expiration.check.interval.ms')
  })

  it('FS-5: answers for broker loggers, of which there are none to set apart', async () => {
    expect(await describeOne(BROKER_LOGGER, '1')).toMatchObject({ errorCode: 0, configs: [] })
    expect(await describeOne(BROKER_LOGGER, '2')).toMatchObject({
      errorCode: 42,
      errorMessage: 'Unexpected broker id, expected 1 but received 2',
    })
  })

  it('FS-4: describes a group that does not exist', async () => {
    expect(await describeOne(GROUP, '')).toMatchObject({ errorCode: 42, errorMessage: 'Group name must not be empty' })
    const { errorCode, configs } = await describeOne(GROUP, 'no group yet')
    expect(errorCode).toBe(0)
    expect(configs).toHaveLength(17)
    expect(configs.find(({ name }) => name === 'consumer.session.timeout.ms')).toMatchObject({
      value: '45000',
      configSource: 5,
      synonyms: [{ name: 'group.consumer.session.timeout.ms', value: '45000', source: 5 }],
    })
  })

  it('NET-15: bounds an answer that would be thousands of times as long as its request', async () => {
    const resource = { resourceType: GROUP, resourceName: 'g', configurationKeys: null }
    const resources = Array.from({ length: 30_000 }, () => resource)
    const { results } = await admin.call(describeConfigs, 4, { resources })
    expect(results.filter(({ errorCode }) => errorCode === 0)).toHaveLength(Math.ceil(400_000 / 17))
    expect(results.at(-1)).toMatchObject({ errorCode: 44, configs: [] })
  })

  it('refuses a kind of resource that nobody knows', async () => {
    expect(await describeOne(77, 'x')).toMatchObject({ errorCode: 42, configs: [] })
  })

  it.each([
    [TOPIC, 't', 29],
    [BROKER, '1', 31],
    [GROUP, 'g', 30],
  ])('needs DESCRIBE_CONFIGS on the resource of type %d', async (type, name, code) => {
    admin.allows = (operation) => operation !== 'DESCRIBE_CONFIGS'
    expect(await describeOne(type, name)).toMatchObject({ errorCode: code, configs: [] })
  })
})

describe('IncrementalAlterConfigs', () => {
  it('AD-15: changes only what is named', async () => {
    expect(await change(TOPIC, 't', [['max.message.bytes', SET, '500']])).toEqual(done)
    expect(await inForce(TOPIC, 't', 'max.message.bytes')).toBe('500')
    expect(await inForce(TOPIC, 't', 'retention.ms')).toBe('77')
    expect(await change(TOPIC, 't', [['retention.ms', DELETE, null]])).toEqual(done)
    expect(await inForce(TOPIC, 't', 'retention.ms')).toBe('604800000')
  })

  it('AD-15: appends to lists and takes from them, from what is inherited where nothing is set', async () => {
    expect(await change(TOPIC, 't', [['cleanup.policy', APPEND, 'delete']])).toEqual(done)
    expect(await change(TOPIC, 't', [['cleanup.policy', APPEND, 'delete']])).toEqual(done)
    expect(await inForce(TOPIC, 't', 'cleanup.policy')).toBe('compact,delete')
    expect(await change(TOPIC, 't', [['cleanup.policy', SUBTRACT, 'compact']])).toEqual(done)
    expect(await inForce(TOPIC, 't', 'cleanup.policy')).toBe('delete')
    await admin.topic('u')
    expect(await change(TOPIC, 'u', [['cleanup.policy', APPEND, 'compact']])).toEqual(done)
    expect(await inForce(TOPIC, 'u', 'cleanup.policy')).toBe('delete,compact')
  })

  it('keeps both of two APPENDs that come at once', async () => {
    await admin.topic('u', 1, { 'leader.replication.throttled.replicas': '0:1' })
    const append = (pair: string) => change(TOPIC, 'u', [['leader.replication.throttled.replicas', APPEND, pair]])
    expect(await Promise.all([append('1:1'), append('2:1')])).toEqual([done, done])
    expect(await inForce(TOPIC, 'u', 'leader.replication.throttled.replicas')).toBe('0:1,1:1,2:1')
  })

  it.each([
    [
      'APPEND to a number',
      'retention.ms',
      APPEND,
      '5',
      40,
      "Can't APPEND to key retention.ms because its type is not LIST.",
    ],
    [
      'SUBTRACT from one',
      'retention.ms',
      SUBTRACT,
      '5',
      40,
      "Can't SUBTRACT to key retention.ms because its type is not LIST.",
    ],
    ['an unknown operation', 'retention.ms', 9, '5', 42, 'Unknown operation for config retention.ms'],
    ['null for SET', 'retention.ms', SET, null, 42, 'Null value not supported for : retention.ms'],
    ['null for APPEND', 'cleanup.policy', APPEND, null, 42, 'Null value not supported for : cleanup.policy'],
    ['an unknown name', 'foo', SET, '5', 40, 'Unknown topic config name: foo'],
    [
      'a bad value',
      'retention.ms',
      SET,
      'x',
      40,
      'Invalid value x for configuration retention.ms: Not a number of type LONG',
    ],
    [
      'a bad item',
      'cleanup.policy',
      APPEND,
      'zzz',
      40,
      'Invalid value zzz for configuration cleanup.policy: String must be one of: compact, delete',
    ],
  ])('AD-16, FS-7: refuses %s', async (_what, name, operation, value, code, message) => {
    expect(await change(TOPIC, 't', [[name, operation, value]])).toEqual([code, message])
    expect(await inForce(TOPIC, 't', 'retention.ms')).toBe('77')
  })

  it('AD-16: refuses a config or a resource that is named twice', async () => {
    const twice: Edit[] = [
      ['retention.ms', SET, '5'],
      ['retention.ms', SET, '6'],
    ]
    expect(await change(TOPIC, 't', twice)).toEqual([42, 'Error due to duplicate config keys'])
    const resource = { resourceType: TOPIC, resourceName: 't', configs: [] }
    const { responses } = await admin.call(incrementalAlterConfigs, 1, { resources: [resource, resource] })
    const message = 'Each resource must appear at most once.'
    expect(responses).toMatchObject([
      { errorCode: 42, errorMessage: message },
      { errorCode: 42, errorMessage: message },
    ])
  })

  it('takes back what was never set, and names that nobody knows, as Kafka does', async () => {
    expect(await change(TOPIC, 't', [['foo', DELETE, null]])).toEqual(done)
  })

  it('looks at values together with those that are set already', async () => {
    expect(await change(TOPIC, 't', [['min.compaction.lag.ms', SET, '10']])).toEqual(done)
    expect(await change(TOPIC, 't', [['max.compaction.lag.ms', SET, '5']])).toEqual([
      40,
      'conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)',
    ])
  })

  it('refuses topics that are not there', async () => {
    const edits: Edit[] = [['retention.ms', SET, '5']]
    expect(await change(TOPIC, 'nope', edits)).toEqual([3, "The topic 'nope' does not exist."])
    expect(await change(TOPIC, '', edits)).toEqual([42, 'Default topic resources are not allowed.'])
    expect(await change(TOPIC, 'a b', edits)).toMatchObject([17, expect.stringContaining('Topic name is invalid')])
  })

  it('AD-6: validates only, when asked to', async () => {
    expect(await change(TOPIC, 't', [['retention.ms', SET, '5']], true)).toEqual(done)
    expect(await change(TOPIC, 't', [['retention.ms', SET, 'x']], true)).toMatchObject([40, expect.any(String)])
    expect(await inForce(TOPIC, 't', 'retention.ms')).toBe('77')
  })

  it('AD-17, AD-18: changes this broker and the default of all brokers at run time', async () => {
    const changed: string[] = []
    admin.config.onChange((names) => changed.push(...names))
    expect(await change(BROKER, '', [['log.retention.ms', SET, '456']])).toEqual(done)
    expect(await inForce(TOPIC, '__none', 'retention.ms')).toBeUndefined()
    await admin.topic('u')
    expect(await inForce(TOPIC, 'u', 'retention.ms')).toBe('456')
    expect(await change(BROKER, '1', [['log.retention.ms', SET, '123']])).toEqual(done)
    expect(await inForce(TOPIC, 'u', 'retention.ms')).toBe('123')
    expect(await inForce(BROKER, '', 'log.retention.ms')).toBe('456')
    expect(changed).toEqual(['log.retention.ms', 'log.retention.ms'])
  })

  it.each([
    ['1', 'num.partitions', '5', 'Cannot update these configs dynamically: [num.partitions]'],
    ['', 'num.partitions', '5', 'Cannot update these configs dynamically: [num.partitions]'],
    ['2', 'log.retention.ms', '5', 'Unexpected broker id, expected 1, but received 2'],
    ['x', 'log.retention.ms', '5', 'Node id must be an integer, but it is: x'],
    ['1', 'log.retention.ms', 'x', 'Invalid value x for configuration log.retention.ms: Not a number of type LONG'],
    [
      '',
      'ssl.keystore.type',
      'PEM',
      'Cannot update these configs at default cluster level, broker id must be specified: [ssl.keystore.type]',
    ],
  ])('AD-18, FS-7: refuses for broker %j %s=%s', async (broker, name, value, message) => {
    expect(await change(BROKER, broker, [[name, SET, value]])).toEqual([42, message])
  })

  it('keeps a broker config that nobody knows, and shows its value to nobody', async () => {
    expect(await change(BROKER, '', [['foo.bar', SET, 'maybe a secret']])).toEqual(done)
    expect((await describeOne(BROKER, '')).configs).toMatchObject([
      { name: 'foo.bar', value: null, readOnly: true, isSensitive: true, configType: 0 },
    ])
    expect((await describeOne(BROKER, '1', ['foo.bar'])).configs).toMatchObject([{ value: null, isSensitive: true }])
  })

  it('FS-4: sets the config of a group before the group exists', async () => {
    expect(await change(GROUP, 'g', [['consumer.session.timeout.ms', SET, '46000']])).toEqual(done)
    expect((await describeOne(GROUP, 'g', ['consumer.session.timeout.ms'])).configs).toMatchObject([
      { value: '46000', configSource: 8, synonyms: [{ source: 8 }, { source: 5 }] },
    ])
  })

  it.each([
    [
      'g',
      'consumer.session.timeout.ms',
      '1',
      40,
      'must be greater than or equal to group.consumer.min.session.timeout.ms',
    ],
    [
      'g',
      'consumer.session.timeout.ms',
      '99999',
      40,
      'must be less than or equal to group.consumer.max.session.timeout.ms',
    ],
    ['g', 'foo', '1', 40, 'Unknown group config name: foo'],
    ['', 'consumer.session.timeout.ms', '46000', 42, 'Default group resources are not allowed.'],
    ['g'.repeat(2000), 'consumer.session.timeout.ms', '46000', 42, 'The name of the resource is too long'],
  ])('refuses for a group %s=%s', async (group, name, value, code, message) => {
    expect(await change(GROUP, group, [[name, SET, value]])).toEqual([code, expect.stringContaining(message)])
  })

  it('has no loggers to set', async () => {
    expect(await change(BROKER_LOGGER, '1', [['root', SET, 'INFO']])).toEqual([40, 'Logger root does not exist!'])
    expect(await change(BROKER_LOGGER, '2', [['root', SET, 'INFO']])).toEqual([
      42,
      'Unexpected node id. Expected 1, but received 2',
    ])
  })

  it('refuses a kind of resource that nobody knows, and goes on with the others', async () => {
    const configs = [{ name: 'retention.ms', configOperation: SET!, value: '5' }]
    const resources = [
      { resourceType: 5, resourceName: 'm', configs },
      { resourceType: TOPIC, resourceName: 't', configs },
    ]
    const { responses } = await admin.call(incrementalAlterConfigs, 1, { resources })
    expect(responses).toMatchObject([{ errorCode: 42, errorMessage: 'Unknown resource type 5' }, { errorCode: 0 }])
  })

  it.each([
    [TOPIC, 't', 'TOPIC_AUTHORIZATION_FAILED', 29],
    [BROKER, '1', 'CLUSTER_AUTHORIZATION_FAILED', 31],
    [GROUP, 'g', 'GROUP_AUTHORIZATION_FAILED', 30],
  ] as const)('needs ALTER_CONFIGS on the resource of type %d', async (type, name, error, code) => {
    admin.allows = (operation) => operation !== 'ALTER_CONFIGS'
    expect(await change(type, name, [['x', SET, '1']])).toEqual([code, errorMessage(error)])
  })
})

describe('AlterConfigs', () => {
  it('AD-15: replaces everything that is set', async () => {
    expect(await replace(TOPIC, 't', { 'max.message.bytes': '99' })).toEqual(done)
    expect(await inForce(TOPIC, 't', 'max.message.bytes')).toBe('99')
    expect(await inForce(TOPIC, 't', 'retention.ms')).toBe('604800000')
    expect(await inForce(TOPIC, 't', 'cleanup.policy')).toBe('delete')
  })

  it('refuses null, unknown names and read-only broker configs', async () => {
    expect(await replace(TOPIC, 't', { 'retention.ms': null })).toEqual([
      42,
      'Null value not supported for : retention.ms',
    ])
    expect(await replace(TOPIC, 't', { foo: '1' })).toEqual([40, 'Unknown topic config name: foo'])
    expect(await replace(TOPIC, 'nope', {})).toEqual([3, "The topic 'nope' does not exist."])
    expect(await replace(BROKER, '1', { 'num.partitions': '5' })).toEqual([
      42,
      'Cannot update these configs dynamically: [num.partitions]',
    ])
    expect(await replace(BROKER_LOGGER, '1', { root: 'INFO' })).toEqual([42, 'Unknown resource type 8'])
  })
})
