/** Configuration of topics, brokers, groups: reading, replacing, editing. */

import { allKeys } from '../../../broker/config/keys.ts'
import { AlterConfigs, DescribeConfigs, IncrementalAlterConfigs } from '../../../protocol/apis/configs.ts'
import type { TypeOf } from '../../../protocol/schema/field.ts'
import { aTopic, pairs } from '../given.ts'
import { each, type Loose, script, theme } from '../scenario.ts'

const [UNKNOWN, TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP] = [0, 2, 4, 8, 16, 32]
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3]
const given = {
  given: [aTopic('t', { configs: { 'segment.ms': '60000', 'cleanup.policy': 'delete' } })],
}

const of = (resourceType: number, resourceName: string, configurationKeys: string[] | null = null) => ({
  resources: [{ resourceType, resourceName, configurationKeys }],
})

/** Where a broker lives and what it is called is its own; everything else must agree. */
const its = [
  'advertised.listeners',
  'broker.id',
  'controller.quorum.voters',
  'listeners',
  'log.dir',
  'log.dirs',
  'node.id',
  'cluster.id',
]
const ours = ['log.flush.policy']
const honoured = [...allKeys()]
  .filter(([name, { internal }]) => !internal && !name.startsWith('odradek.') && ![...its, ...ours].includes(name))
  .map(([name]) => name)

const describing = [
  each(DescribeConfigs, 'all of a topic', ($) => of(TOPIC, $.topic('t')), given),
  each(
    DescribeConfigs,
    'all of a topic with synonyms',
    ($) => ({ ...of(TOPIC, $.topic('t')), includeSynonyms: true }),
    given,
  ),
  each(DescribeConfigs, 'two keys of a topic', ($) => of(TOPIC, $.topic('t'), ['segment.ms', 'retention.ms']), given),
  each(DescribeConfigs, 'a key twice', ($) => of(TOPIC, $.topic('t'), ['segment.ms', 'segment.ms']), given),
  each(DescribeConfigs, 'no keys', ($) => of(TOPIC, $.topic('t'), []), given),
  each(DescribeConfigs, 'an unknown key', ($) => of(TOPIC, $.topic('t'), ['no.such.key', 'segment.ms']), given),
  each(DescribeConfigs, 'an empty key', ($) => of(TOPIC, $.topic('t'), ['']), given),
  each(DescribeConfigs, 'a key of brokers at a topic', ($) => of(TOPIC, $.topic('t'), ['log.retention.ms']), given),
  each(DescribeConfigs, 'a hidden key', ($) => of(TOPIC, $.topic('t'), ['internal.segment.bytes']), given),
  each(DescribeConfigs, 'an unknown topic', ($) => of(TOPIC, $.topic('unknown'))),
  each(DescribeConfigs, 'an illegal topic', () => of(TOPIC, 'not good')),
  each(DescribeConfigs, 'the topic of no name', () => of(TOPIC, '')),
  each(DescribeConfigs, 'the internal topic', () =>
    of(TOPIC, '__consumer_offsets', ['cleanup.policy', 'compression.type', 'segment.bytes']),
  ),
  each(DescribeConfigs, 'nothing', () => ({ resources: [] })),
  each(
    DescribeConfigs,
    'a topic twice',
    ($) => ({
      resources: [1, 2].map(() => ({
        resourceType: TOPIC,
        resourceName: $.topic('t'),
        configurationKeys: ['segment.ms'],
      })),
    }),
    given,
  ),
  each(
    DescribeConfigs,
    'a known and an unknown topic',
    ($) => ({
      resources: ['t', 'unknown'].map((label) => ({
        resourceType: TOPIC,
        resourceName: $.topic(label),
        configurationKeys: ['segment.ms'],
      })),
    }),
    given,
  ),
  each(DescribeConfigs, 'a broker', () => of(BROKER, '1', honoured)),
  each(DescribeConfigs, 'a broker with synonyms', () => ({ ...of(BROKER, '1', honoured), includeSynonyms: true })),
  each(DescribeConfigs, 'the default of brokers', () => of(BROKER, '', honoured)),
  ...['2', '-1', 'x', '01', '1 ', '99999999999'].map((name) =>
    each(DescribeConfigs, `the broker ${JSON.stringify(name)}`, () => of(BROKER, name, ['num.partitions'])),
  ),
  each(DescribeConfigs, 'loggers', () => of(BROKER_LOGGER, '1', ['no.such.logger'])),
  each(DescribeConfigs, 'loggers of another broker', () => of(BROKER_LOGGER, '2', ['no.such.logger'])),
  each(DescribeConfigs, 'loggers of no broker', () => of(BROKER_LOGGER, '', ['no.such.logger'])),
  each(DescribeConfigs, 'a group', ($) => of(GROUP, $.group('g'))),
  each(DescribeConfigs, 'the group of no name', () => of(GROUP, '')),
  each(DescribeConfigs, 'client metrics', () => of(CLIENT_METRICS, 'm')),
  each(DescribeConfigs, 'client metrics of no name', () => of(CLIENT_METRICS, '')),
  ...[UNKNOWN, 1, 3, 64, -1].map((type) => each(DescribeConfigs, `the unknown type ${type}`, () => of(type, 'x'))),
]

type Edit = [name: string, operation: number, value: string | null]
const edit = (resourceType: number, resourceName: string, ...edits: Edit[]) => ({
  resources: [
    {
      resourceType,
      resourceName,
      configs: edits.map(([name, configOperation, value]) => ({ name, configOperation, value })),
    },
  ],
})

const edits: readonly (readonly [string, Edit[]])[] = [
  ['set', [['retention.ms', SET, '1000']]],
  [
    'set two',
    [
      ['retention.ms', SET, '1000'],
      ['segment.ms', SET, '2000'],
    ],
  ],
  ['set to what it is', [['segment.ms', SET, '60000']]],
  ['set to the default', [['retention.bytes', SET, '-1']]],
  ['set to null', [['retention.ms', SET, null]]],
  ['set to nothing', [['retention.ms', SET, '']]],
  ['set to no number', [['retention.ms', SET, 'soon']]],
  ['set out of range', [['retention.ms', SET, '-2']]],
  ['set with spaces', [['retention.ms', SET, ' 7 ']]],
  ['set an unknown key', [['no.such.key', SET, '1']]],
  ['set the empty key', [['', SET, '1']]],
  ['delete', [['segment.ms', DELETE, null]]],
  ['delete with a value', [['segment.ms', DELETE, '5']]],
  ['delete what is not set', [['flush.ms', DELETE, null]]],
  ['delete an unknown key', [['no.such.key', DELETE, null]]],
  ['append to a list', [['cleanup.policy', APPEND, 'compact']]],
  ['append what is there', [['cleanup.policy', APPEND, 'delete']]],
  ['append to a default', [['leader.replication.throttled.replicas', APPEND, '0:1']]],
  ['append two', [['leader.replication.throttled.replicas', APPEND, '0:1,1:1']]],
  ['append to what is no list', [['retention.ms', APPEND, '1']]],
  ['append null', [['cleanup.policy', APPEND, null]]],
  ['append nothing', [['cleanup.policy', APPEND, '']]],
  ['append a wrong value', [['cleanup.policy', APPEND, 'burn']]],
  ['subtract from a list', [['cleanup.policy', SUBTRACT, 'delete']]],
  ['subtract what is not there', [['cleanup.policy', SUBTRACT, 'compact']]],
  ['subtract from what is no list', [['retention.ms', SUBTRACT, '1']]],
  [
    'append and subtract',
    [
      ['cleanup.policy', APPEND, 'compact'],
      ['cleanup.policy', SUBTRACT, 'delete'],
    ],
  ],
  [
    'a key twice',
    [
      ['retention.ms', SET, '1'],
      ['retention.ms', SET, '2'],
    ],
  ],
  ['an unknown operation', [['retention.ms', 4, '1']]],
  ['a negative operation', [['retention.ms', -1, '1']]],
  [
    'a good and a bad one',
    [
      ['retention.ms', SET, '1000'],
      ['segment.ms', SET, 'x'],
    ],
  ],
  ['nothing', []],
  [
    'limits that exclude each other',
    [
      ['min.compaction.lag.ms', SET, '10'],
      ['max.compaction.lag.ms', SET, '5'],
    ],
  ],
  ['more in-sync replicas than there are', [['min.insync.replicas', SET, '5']]],
  ['remote storage', [['remote.storage.enable', SET, 'true']]],
]

const editing = [
  ...edits.map(([what, some]) =>
    each(IncrementalAlterConfigs, `a topic: ${what}`, ($) => edit(TOPIC, $.topic('t'), ...some), given),
  ),
  each(
    IncrementalAlterConfigs,
    'validate only',
    ($) => ({ ...edit(TOPIC, $.topic('t'), ['retention.ms', SET, '1']), validateOnly: true }),
    given,
  ),
  each(
    IncrementalAlterConfigs,
    'validate only, a bad one',
    ($) => ({ ...edit(TOPIC, $.topic('t'), ['retention.ms', SET, 'x']), validateOnly: true }),
    given,
  ),
  each(IncrementalAlterConfigs, 'an unknown topic', ($) => edit(TOPIC, $.topic('unknown'), ['retention.ms', SET, '1'])),
  each(IncrementalAlterConfigs, 'an illegal topic', () => edit(TOPIC, 'not good', ['retention.ms', SET, '1'])),
  each(IncrementalAlterConfigs, 'the topic of no name', () => edit(TOPIC, '', ['retention.ms', SET, '1'])),
  each(
    IncrementalAlterConfigs,
    'a topic twice',
    ($) => ({
      resources: [1, 2].flatMap((n) => edit(TOPIC, $.topic('t'), ['retention.ms', SET, String(n)]).resources),
    }),
    given,
  ),
  each(
    IncrementalAlterConfigs,
    'a good and an unknown topic',
    ($) => ({
      resources: ['t', 'unknown'].flatMap((label) => edit(TOPIC, $.topic(label), ['retention.ms', SET, '9']).resources),
    }),
    given,
  ),
  each(IncrementalAlterConfigs, 'no resources', () => ({ resources: [] })),
  ...[UNKNOWN, 1, 64, -1].map((type) =>
    each(IncrementalAlterConfigs, `the unknown type ${type}`, () => edit(type, 'x', ['retention.ms', SET, '1'])),
  ),
  each(
    IncrementalAlterConfigs,
    'a group',
    ($) => edit(GROUP, $.group('g'), ['consumer.session.timeout.ms', SET, '50000']),
    {
      andThen: ($, _version) => $.ask(DescribeConfigs, 4, of(GROUP, $.group('g'))),
    },
  ),
  each(IncrementalAlterConfigs, 'a group: out of range', ($) =>
    edit(GROUP, $.group('g'), ['consumer.session.timeout.ms', SET, '1']),
  ),
  each(IncrementalAlterConfigs, 'a group: an unknown key', ($) => edit(GROUP, $.group('g'), ['no.such.key', SET, '1'])),
  each(IncrementalAlterConfigs, 'the group of no name', () =>
    edit(GROUP, '', ['consumer.session.timeout.ms', SET, '50000']),
  ),
  each(IncrementalAlterConfigs, 'client metrics: an unknown key', ($) =>
    edit(CLIENT_METRICS, $.group('m'), ['no.such.key', SET, '1']),
  ),
]

const brokerEdits: readonly (readonly [string, string, Edit[]])[] = [
  ['a key of all brokers', '', [['log.retention.ms', SET, '604800000']]],
  ['a key of all brokers at one', '1', [['log.retention.ms', SET, '604800000']]],
  ['a read-only key', '1', [['num.partitions', SET, '3']]],
  ['a read-only key of all', '', [['auto.create.topics.enable', SET, 'false']]],
  ['a read-only key that is never changed', '1', [['node.id', SET, '1']]],
  ['an unknown key', '1', [['no.such.key', SET, '3']]],
  ['an unknown key of all', '', [['no.such.key', SET, '3']]],
  ['a bad value', '', [['log.retention.ms', SET, 'x']]],
  ['a value out of range', '', [['message.max.bytes', SET, '-1']]],
  ['a key that is deleted and was not set', '', [['log.flush.interval.ms', DELETE, null]]],
  ['another broker', '2', [['log.retention.ms', SET, '604800000']]],
  ['no broker id', 'x', [['log.retention.ms', SET, '604800000']]],
]

const editingBrokers = [
  ...brokerEdits.map(([what, name, some]) =>
    each(IncrementalAlterConfigs, `brokers: ${what}`, () => edit(BROKER, name, ...some), {
      alone: true,
      andThen: async ($) => {
        const undo = ['', '1'].map((broker) => edit(BROKER, broker, ['log.retention.ms', DELETE, null]))
        for (const request of undo) await $.quietly(IncrementalAlterConfigs, 1, request)
      },
    }),
  ),
  script(
    'IncrementalAlterConfigs: what all brokers have shows at topics',
    async ($) => {
      await aTopic('t', { configs: { 'segment.ms': '60000' } })($)
      const keys = ['max.message.bytes', 'flush.ms', 'segment.ms']
      const look = (note: string) =>
        $.ask(DescribeConfigs, 4, { ...of(TOPIC, $.topic('t'), keys), includeSynonyms: true }, { note })
      await $.ask(
        IncrementalAlterConfigs,
        1,
        edit(BROKER, '', ['message.max.bytes', SET, '2000000'], ['log.flush.interval.ms', SET, '12345']),
      )
      await look('set for all')
      await $.ask(IncrementalAlterConfigs, 1, edit(BROKER, '1', ['message.max.bytes', SET, '3000000']), {
        note: 'of one',
      })
      await look('set for one')
      await $.ask(DescribeConfigs, 4, {
        ...of(BROKER, '1', ['message.max.bytes', 'log.flush.interval.ms']),
        includeSynonyms: true,
      })
      await $.ask(
        DescribeConfigs,
        4,
        { ...of(BROKER, '', ['message.max.bytes', 'log.flush.interval.ms']), includeSynonyms: true },
        { note: 'of all' },
      )
      await $.ask(IncrementalAlterConfigs, 1, edit(BROKER, '1', ['message.max.bytes', DELETE, null]), {
        note: 'deletes',
      })
      await $.ask(
        IncrementalAlterConfigs,
        1,
        edit(BROKER, '', ['message.max.bytes', DELETE, null], ['log.flush.interval.ms', DELETE, null]),
        { note: 'deletes all' },
      )
      await look('deleted')
    },
    { alone: true },
  ),
]

type Replacement = Loose<TypeOf<typeof AlterConfigs.request>>
const replace = (resourceType: number, resourceName: string, configs: Record<string, string | null>): Replacement => ({
  resources: [{ resourceType, resourceName, configs: pairs(configs) }],
})

const replacing = [
  ...(
    [
      ['one key, and so not the others', { 'retention.ms': '1000' }],
      ['nothing, and so none', {}],
      ['null', { 'retention.ms': null }],
      ['no number', { 'retention.ms': 'soon' }],
      ['an unknown key', { 'no.such.key': '1' }],
      ['the empty key', { '': '1' }],
      ['a good and a bad one', { 'retention.ms': '1000', 'segment.ms': 'x' }],
      ['limits that exclude each other', { 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '5' }],
    ] as [string, Record<string, string | null>][]
  ).map(([what, configs]) =>
    each(AlterConfigs, `a topic: ${what}`, ($) => replace(TOPIC, $.topic('t'), configs), given),
  ),
  each(
    AlterConfigs,
    'validate only',
    ($) => ({ ...replace(TOPIC, $.topic('t'), { 'retention.ms': '1' }), validateOnly: true }),
    given,
  ),
  each(AlterConfigs, 'an unknown topic', ($) => replace(TOPIC, $.topic('unknown'), {})),
  each(AlterConfigs, 'an illegal topic', () => replace(TOPIC, 'not good', {})),
  each(
    AlterConfigs,
    'a topic twice',
    ($) => ({
      resources: ['1', '2'].flatMap((value) => replace(TOPIC, $.topic('t'), { 'retention.ms': value }).resources ?? []),
    }),
    given,
  ),
  each(
    AlterConfigs,
    'a key twice',
    ($) => ({
      resources: [
        {
          resourceType: TOPIC,
          resourceName: $.topic('t'),
          configs: ['1', '2'].map((value) => ({ name: 'retention.ms', value })),
        },
      ],
    }),
    given,
  ),
  each(AlterConfigs, 'no resources', () => ({ resources: [] })),
  each(AlterConfigs, 'another broker', () => replace(BROKER, '2', {})),
  each(AlterConfigs, 'no broker id', () => replace(BROKER, 'x', {})),
  each(AlterConfigs, 'a broker: a read-only key', () => replace(BROKER, '1', { 'num.partitions': '3' }), {
    alone: true,
  }),
  ...[UNKNOWN, 64].map((type) => each(AlterConfigs, `the unknown type ${type}`, () => replace(type, 'x', {}))),
  each(AlterConfigs, 'loggers', () => replace(BROKER_LOGGER, '1', {})),
]

export const configs = theme('configs', [...describing, ...editing, ...editingBrokers, ...replacing])
