/** Appending records. */

import { Metadata } from '../../../protocol/apis/metadata.ts'
import { Produce } from '../../../protocol/apis/produce.ts'
import { DescribeProducers, InitProducerId } from '../../../protocol/apis/producers.ts'
import * as batch from '../../../protocol/records/batch.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { crc32c } from '../../../protocol/records/crc32c.ts'
import { aBatch, aTopic, type BatchOptions, records, T0 } from '../given.ts'
import { each, script, theme } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const NO_SUCH_ID = 'AAAAAAAAAAAAAAAAAAAAZg'

type Part = { index?: number; records: Buffer | null }

/** A request for one topic; by its id from version 13 on. */
const to = ($: Stage, version: number, label: string, parts: readonly Part[], rest: object = {}) => ({
  acks: -1,
  timeoutMs: 5000,
  topicData: [
    {
      ...(version >= 13 ? { topicId: $.id(label) } : { name: $.topic(label) }),
      partitionData: parts.map(({ index = 0, records }) => ({ index, records })),
    },
  ],
  ...rest,
})

const given = { given: [aTopic('t', { partitions: 2 })] }
const ab = aBatch(['a', 'b'])

const good = [
  each(Produce, 'a batch', ($, version) => to($, version, 't', [{ records: ab }]), given),
  each(
    Produce,
    'a batch to each of two partitions',
    ($, version) => to($, version, 't', [{ records: ab }, { index: 1, records: aBatch(['c']) }]),
    given,
  ),
  each(Produce, 'one more batch', ($, version) => to($, version, 't', [{ records: ab }]), {
    given: [aTopic('t'), records('t', ['before'])],
  }),
  ...[1, 0, 2, -2, 32_767].map((acks) =>
    each(Produce, `acks ${acks}`, ($, version) => to($, version, 't', [{ records: ab }], { acks }), {
      ...given,
      versions: acks === 0 ? [3, 2] : [3, 13],
    }),
  ),
  ...[0, -1, 2_147_483_647].map((timeoutMs) =>
    each(
      Produce,
      `a timeout of ${timeoutMs}`,
      ($, version) => to($, version, 't', [{ records: ab }], { timeoutMs }),
      given,
    ),
  ),
  each(Produce, 'no topics', () => ({ acks: -1, timeoutMs: 1000, topicData: [] })),
  each(Produce, 'no partitions', ($, version) => to($, version, 't', []), given),
  ...(['gzip', 'snappy', 'lz4'] as const).map((compression) =>
    each(
      Produce,
      `compressed by ${compression}`,
      ($, version) => to($, version, 't', [{ records: aBatch(['a', 'b'], { compression }) }]),
      given,
    ),
  ),
  each(
    Produce,
    'null keys, empty keys, keys',
    ($, version) => to($, version, 't', [{ records: aBatch(['a', '=b', 'k=c']) }]),
    given,
  ),
  each(
    Produce,
    'a null value',
    ($, version) =>
      to($, version, 't', [
        { records: buildBatch({ baseTimestamp: T0, records: [{ key: Buffer.from('k'), value: null }] }) },
      ]),
    given,
  ),
]

const unknown = [
  each(Produce, 'an unknown topic', ($, version) => ({
    acks: -1,
    timeoutMs: 1000,
    topicData: [
      {
        ...(version >= 13 ? { topicId: NO_SUCH_ID } : { name: $.topic('unknown') }),
        partitionData: [{ index: 0, records: ab }],
      },
    ],
  })),
  each(
    Produce,
    'an unknown and a known topic',
    ($, version) => ({
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          ...(version >= 13 ? { topicId: NO_SUCH_ID } : { name: $.topic('unknown') }),
          partitionData: [{ index: 0, records: ab }],
        },
        ...to($, version, 't', [{ records: ab }]).topicData,
      ],
    }),
    given,
  ),
  ...[2, -1, 2_147_483_647].map((index) =>
    each(Produce, `partition ${index} of two`, ($, version) => to($, version, 't', [{ index, records: ab }]), given),
  ),
  each(
    Produce,
    'a good and a bad partition',
    ($, version) =>
      to($, version, 't', [
        { index: 9, records: ab },
        { index: 0, records: ab },
      ]),
    given,
  ),
  each(
    Produce,
    'a partition twice in the request',
    ($, version) => to($, version, 't', [{ records: ab }, { records: aBatch(['c']) }]),
    given,
  ),
  each(
    Produce,
    'an illegal topic name',
    () => ({
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: 'not good', partitionData: [{ index: 0, records: ab }] }],
    }),
    { versions: [3, 12] },
  ),
  each(
    Produce,
    'an empty topic name',
    () => ({
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: '', partitionData: [{ index: 0, records: ab }] }],
    }),
    { versions: [3, 12] },
  ),
  each(
    Produce,
    'to the internal topic',
    () => ({
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: '__consumer_offsets', partitionData: [{ index: 0, records: ab }] }],
    }),
    { versions: [3, 12] },
  ),
  each(
    Produce,
    'with no topic id',
    () => ({
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ partitionData: [{ index: 0, records: ab }] }],
    }),
    { versions: [13, 13] },
  ),
]

/** A batch with bytes changed; its CRC is right again unless `crc` says not to. */
function changed(change: (bytes: Buffer) => void, options: { crc?: boolean } & BatchOptions = {}): Buffer {
  const { crc = true, ...rest } = options
  const bytes = aBatch(['a', 'b'], rest)
  change(bytes)
  if (crc) bytes.writeUInt32BE(crc32c(bytes, 21, bytes.length), 17)
  return bytes
}

const badBatches: readonly (readonly [string, Buffer | null])[] = [
  ['null records', null],
  ['empty records', Buffer.alloc(0)],
  ['one byte', Buffer.from([1])],
  ['a cut header', ab.subarray(0, 30)],
  ['a cut batch', ab.subarray(0, ab.length - 1)],
  ['a batch and a byte', Buffer.concat([ab, Buffer.from([0])])],
  ['two batches', Buffer.concat([ab, aBatch(['c'])])],
  ['a wrong CRC', changed((bytes) => bytes.writeUInt8(bytes[17]! ^ 1, 17), { crc: false })],
  [
    'a changed value',
    changed((bytes) => bytes.writeUInt8(bytes[bytes.length - 2]! ^ 1, bytes.length - 2), { crc: false }),
  ],
  ['magic 0', changed((bytes) => bytes.writeInt8(0, 16))],
  ['magic 1', changed((bytes) => bytes.writeInt8(1, 16))],
  ['magic 3', changed((bytes) => bytes.writeInt8(3, 16))],
  ['magic -1', changed((bytes) => bytes.writeInt8(-1, 16))],
  ['a batch length of 0', changed((bytes) => bytes.writeInt32BE(0, 8))],
  ['a negative batch length', changed((bytes) => bytes.writeInt32BE(-1, 8))],
  ['a batch length of 48', changed((bytes) => bytes.writeInt32BE(48, 8))],
  ['a huge batch length', changed((bytes) => bytes.writeInt32BE(0x7fffffff, 8))],
  ['a base offset of 7', changed((bytes) => bytes.writeBigInt64BE(7n, 0))],
  ['a base offset of -1', changed((bytes) => bytes.writeBigInt64BE(-1n, 0))],
  ['a leader epoch of 9', changed((bytes) => bytes.writeInt32BE(9, 12))],
  ['a count of 3 for 2', changed((bytes) => bytes.writeInt32BE(3, 57))],
  ['a count of 1 for 2', changed((bytes) => bytes.writeInt32BE(1, 57))],
  ['a count of 0', changed((bytes) => bytes.writeInt32BE(0, 57))],
  ['a count of -1', changed((bytes) => bytes.writeInt32BE(-1, 57))],
  ['a last offset delta of 5', changed((bytes) => bytes.writeInt32BE(5, 23))],
  ['a last offset delta of -1', changed((bytes) => bytes.writeInt32BE(-1, 23))],
  ['a last offset delta of 0', changed((bytes) => bytes.writeInt32BE(0, 23))],
  [
    'count and last delta wrong alike',
    changed((bytes) => {
      bytes.writeInt32BE(4, 23)
      bytes.writeInt32BE(5, 57)
    }),
  ],
  ['codec 5', changed((bytes) => bytes.writeInt16BE(5, 21))],
  ['codec 7', changed((bytes) => bytes.writeInt16BE(7, 21))],
  ['gzip that is none', changed((bytes) => bytes.writeInt16BE(1, 21))],
  ['zstd that is none', changed((bytes) => bytes.writeInt16BE(4, 21))],
  ['the bit of log append time', changed((bytes) => bytes.writeInt16BE(8, 21))],
  ['the transactional bit without a producer', changed((bytes) => bytes.writeInt16BE(16, 21))],
  ['the control bit', changed((bytes) => bytes.writeInt16BE(32, 21))],
  ['the bit of the delete horizon', changed((bytes) => bytes.writeInt16BE(64, 21))],
  ['a reserved bit', changed((bytes) => bytes.writeInt16BE(128, 21))],
  ['all reserved bits', changed((bytes) => bytes.writeInt16BE(-128, 21))],
  ['a base timestamp of -1', aBatch(['a'], { baseTimestamp: -1 })],
  ['a base timestamp of 0', aBatch(['a'], { baseTimestamp: 0 })],
  ['a max timestamp below the base', changed((bytes) => bytes.writeBigInt64BE(1n, 35))],
  ['a max timestamp of -1', changed((bytes) => bytes.writeBigInt64BE(-1n, 35))],
  ['a producer without an epoch', changed((bytes) => bytes.writeBigInt64BE(5n, 43))],
  [
    'a producer and epoch without a sequence',
    changed((bytes) => {
      bytes.writeBigInt64BE(5n, 43)
      bytes.writeInt16BE(0, 51)
    }),
  ],
  ['an epoch without a producer', changed((bytes) => bytes.writeInt16BE(0, 51))],
  ['a sequence without a producer', changed((bytes) => bytes.writeInt32BE(0, 53))],
  ['a far future', aBatch(['a'], { baseTimestamp: Date.UTC(2100, 0, 1) })],
  ['a record with a wrong length', changed((bytes) => bytes.writeUInt8(bytes[61]! + 2, 61))],
  ['a record with a length of -1', changed((bytes) => bytes.writeUInt8(1, 61))],
  ['a record with a wrong offset delta', changed((bytes) => bytes.writeUInt8(8, 64))],
]

const bad = badBatches.map(([what, bytes]) =>
  each(Produce, what, ($, version) => to($, version, 't', [{ records: bytes }]), { ...given, versions: [7, 13] }),
)

const moreBad = [
  each(
    Produce,
    'a bad and a good partition',
    ($, version) =>
      to($, version, 't', [
        { records: changed((bytes) => bytes.writeUInt8(0, 17), { crc: false }) },
        { index: 1, records: ab },
      ]),
    given,
  ),
  each(
    Produce,
    'magic 1 in an old version',
    ($, version) => to($, version, 't', [{ records: changed((bytes) => bytes.writeInt8(1, 16)) }]),
    { ...given, versions: [3, 6] },
  ),
  each(
    Produce,
    'zstd in an old version',
    ($, version) => to($, version, 't', [{ records: changed((bytes) => bytes.writeInt16BE(4, 21)) }]),
    { ...given, versions: [3, 6] },
  ),
  each(
    Produce,
    'two batches in an old version',
    ($, version) => to($, version, 't', [{ records: Buffer.concat([ab, ab]) }]),
    { ...given, versions: [3, 6] },
  ),
]

const big = (bytes: number) => aBatch(['x'.repeat(bytes)])

const limits = [
  each(Produce, 'a batch above max.message.bytes', ($, version) => to($, version, 't', [{ records: big(2000) }]), {
    given: [aTopic('t', { configs: { 'max.message.bytes': '1000' } })],
  }),
  each(
    Produce,
    'a batch of exactly max.message.bytes',
    ($, version) => to($, version, 't', [{ records: big(1000 - 69) }]),
    {
      given: [aTopic('t', { configs: { 'max.message.bytes': '1000' } })],
    },
  ),
  each(
    Produce,
    'a batch of one byte more than max.message.bytes',
    ($, version) => to($, version, 't', [{ records: big(1001 - 69) }]),
    {
      given: [aTopic('t', { configs: { 'max.message.bytes': '1000' } })],
    },
  ),
  each(
    Produce,
    'no key to a compacted topic',
    ($, version) => to($, version, 't', [{ records: aBatch(['k=a', 'b', 'c']) }]),
    {
      given: [aTopic('t', { configs: { 'cleanup.policy': 'compact' } })],
    },
  ),
  each(
    Produce,
    'keys to a compacted topic',
    ($, version) => to($, version, 't', [{ records: aBatch(['k=a', '=b']) }]),
    {
      given: [aTopic('t', { configs: { 'cleanup.policy': 'compact' } })],
    },
  ),
  each(Produce, 'log append time', ($, version) => to($, version, 't', [{ records: ab }]), {
    given: [aTopic('t', { configs: { 'message.timestamp.type': 'LogAppendTime' } })],
  }),
  each(Produce, 'too old', ($, version) => to($, version, 't', [{ records: ab }]), {
    given: [aTopic('t', { configs: { 'message.timestamp.before.max.ms': '1000' } })],
  }),
  each(
    Produce,
    'too new',
    ($, version) => to($, version, 't', [{ records: aBatch(['a', 'b'], { baseTimestamp: Date.now() + 10_000_000 }) }]),
    {
      given: [aTopic('t', { configs: { 'message.timestamp.after.max.ms': '1000' } })],
    },
  ),
  each(Produce, 'too few in-sync replicas', ($, version) => to($, version, 't', [{ records: ab }]), {
    given: [aTopic('t', { configs: { 'min.insync.replicas': '2' } })],
  }),
  each(
    Produce,
    'too few in-sync replicas, acks 1',
    ($, version) => to($, version, 't', [{ records: ab }], { acks: 1 }),
    {
      given: [aTopic('t', { configs: { 'min.insync.replicas': '2' } })],
    },
  ),
  each(Produce, 'to a topic that compresses by gzip', ($, version) => to($, version, 't', [{ records: ab }]), {
    given: [aTopic('t', { configs: { 'compression.type': 'gzip' } })],
  }),
  each(
    Produce,
    'to a topic that compresses not',
    ($, version) => to($, version, 't', [{ records: aBatch(['a'], { compression: 'gzip' }) }]),
    {
      given: [aTopic('t', { configs: { 'compression.type': 'uncompressed' } })],
    },
  ),
]

/** Sequences of one idempotent producer: what it sends, step by step, to partition 0. */
const sequences: readonly (readonly [
  string,
  readonly (readonly [epoch: number, sequence: number, count: number])[],
])[] = [
  [
    'in order',
    [
      [0, 0, 2],
      [0, 2, 1],
      [0, 3, 3],
    ],
  ],
  [
    'begins above 0',
    [
      [0, 5, 2],
      [0, 7, 1],
    ],
  ],
  [
    'a repeat of the last',
    [
      [0, 0, 2],
      [0, 0, 2],
    ],
  ],
  [
    'a repeat of the third last',
    [
      [0, 0, 1],
      [0, 1, 1],
      [0, 2, 1],
      [0, 0, 1],
    ],
  ],
  [
    'a repeat of the fifth last',
    [
      [0, 0, 1],
      [0, 1, 1],
      [0, 2, 1],
      [0, 3, 1],
      [0, 4, 1],
      [0, 0, 1],
    ],
  ],
  [
    'a repeat of the sixth last',
    [
      [0, 0, 1],
      [0, 1, 1],
      [0, 2, 1],
      [0, 3, 1],
      [0, 4, 1],
      [0, 5, 1],
      [0, 0, 1],
    ],
  ],
  [
    'a repeat that is longer',
    [
      [0, 0, 2],
      [0, 0, 3],
    ],
  ],
  [
    'a repeat that is shorter',
    [
      [0, 0, 3],
      [0, 0, 2],
    ],
  ],
  [
    'a repeat that overlaps',
    [
      [0, 0, 3],
      [0, 1, 3],
    ],
  ],
  [
    'a gap',
    [
      [0, 0, 2],
      [0, 3, 1],
    ],
  ],
  [
    'a gap and then the right one',
    [
      [0, 0, 2],
      [0, 3, 1],
      [0, 2, 1],
    ],
  ],
  [
    'a new epoch from 0',
    [
      [0, 0, 2],
      [1, 0, 1],
    ],
  ],
  [
    'a new epoch not from 0',
    [
      [0, 0, 2],
      [1, 2, 1],
    ],
  ],
  [
    'an old epoch',
    [
      [1, 0, 2],
      [0, 2, 1],
    ],
  ],
  [
    'an old epoch with an old sequence',
    [
      [1, 0, 2],
      [0, 0, 2],
    ],
  ],
  [
    'a repeat of the epoch before',
    [
      [0, 0, 2],
      [1, 0, 2],
      [0, 0, 2],
    ],
  ],
  [
    'around the end',
    [
      [0, 2_147_483_646, 2],
      [0, 0, 1],
    ],
  ],
  [
    'around the end, in one batch',
    [
      [0, 2_147_483_646, 4],
      [0, 2, 1],
    ],
  ],
  [
    'around the end, one off',
    [
      [0, 2_147_483_646, 2],
      [0, 1, 1],
    ],
  ],
]

const idempotent = sequences.map(([what, batches]) =>
  script(`Produce: sequences, ${what}`, async ($) => {
    await aTopic('t')($)
    for (const [epoch, sequence, count] of batches) {
      const values = Array.from({ length: count }, (_, at) => `${epoch}/${sequence + at}`)
      const records = aBatch(values, { producerId: 4000, producerEpoch: epoch, baseSequence: sequence })
      await $.ask(Produce, 9, to($, 9, 't', [{ records }]), { note: `${epoch}/${sequence}+${count}` })
    }
    const described = await $.quietly(DescribeProducers, 0, { topics: [{ name: $.topic('t'), partitionIndexes: [0] }] })
    $.note('DescribeProducers', described)
  }),
)

const silent = [
  script('Produce: acks 0 has no answer', async ($) => {
    await aTopic('t')($)
    const never = $.begin(Produce, 9, to($, 9, 't', [{ records: ab }], { acks: 0 }), { withinMs: 300 })
    await never.answer.catch(() => {})
  }),
  script('Produce: acks 0 to an unknown topic closes', async ($) => {
    const never = $.begin(Produce, 9, to($, 9, 'unknown', [{ records: ab }], { acks: 0 }), { withinMs: 1000 })
    await never.answer.catch(() => {})
  }),
  script('Produce: acks 0 of a bad batch closes', async ($) => {
    await aTopic('t')($)
    const bytes = changed((bytes) => bytes.writeUInt8(0, 17), { crc: false })
    const never = $.begin(Produce, 9, to($, 9, 't', [{ records: bytes }], { acks: 0 }), { withinMs: 1000 })
    await never.answer.catch(() => {})
  }),
  ...[0, 1, 2].map((version) =>
    script(`Produce: version ${version} closes`, async ($) => {
      const body = Buffer.from([0, 0, 0, version, 0, 0, 0, 7, 0, 1, 0x61, 0, 1, 0, 0, 3, 0xe8, 0, 0, 0, 0])
      await $.sendFrame(body, { note: 'Produce' })
    }),
  ),
  each(
    Produce,
    'a transactional id without transactional records',
    ($, version) => to($, version, 't', [{ records: ab }], { transactionalId: 'tx' }),
    given,
  ),
  each(
    Produce,
    'transactional records without a transactional id',
    ($, version) =>
      to($, version, 't', [
        { records: aBatch(['a'], { producerId: 4001, producerEpoch: 0, baseSequence: 0, transactional: true }) },
      ]),
    given,
  ),
]

const ids = [
  each(InitProducerId, 'for idempotence', () => ({ transactionalId: null, transactionTimeoutMs: 1000 })),
  each(InitProducerId, 'twice', () => ({ transactionalId: null, transactionTimeoutMs: 1000 }), {
    andThen: ($, version) =>
      $.ask(InitProducerId, version, { transactionalId: null, transactionTimeoutMs: 1000 }, { note: 'again' }),
  }),
  ...[0, -1, 2_147_483_647].map((transactionTimeoutMs) =>
    each(InitProducerId, `a timeout of ${transactionTimeoutMs}`, () => ({
      transactionalId: null,
      transactionTimeoutMs,
    })),
  ),
  each(InitProducerId, 'an empty transactional id', () => ({ transactionalId: '', transactionTimeoutMs: 1000 })),
  each(
    InitProducerId,
    'with a producer id only',
    () => ({ transactionalId: null, transactionTimeoutMs: 1000, producerId: 5 }),
    { versions: [3, 5] },
  ),
  each(
    InitProducerId,
    'with an epoch only',
    () => ({ transactionalId: null, transactionTimeoutMs: 1000, producerEpoch: 5 }),
    { versions: [3, 5] },
  ),
  each(
    InitProducerId,
    'with a producer id and an epoch',
    () => ({ transactionalId: null, transactionTimeoutMs: 1000, producerId: 5, producerEpoch: 5 }),
    { versions: [3, 5] },
  ),
  each(
    InitProducerId,
    'with a negative producer id',
    () => ({ transactionalId: null, transactionTimeoutMs: 1000, producerId: -2, producerEpoch: 0 }),
    { versions: [3, 5] },
  ),
  each(
    InitProducerId,
    'with the last epoch',
    () => ({ transactionalId: null, transactionTimeoutMs: 1000, producerId: 5, producerEpoch: 32_767 }),
    { versions: [3, 5] },
  ),
]

const idempotentRecords = records('t', ['a', 'b'], { producerId: 4002, producerEpoch: 3, baseSequence: 0 })

const described = [
  each(DescribeProducers, 'of a partition', ($) => ({ topics: [{ name: $.topic('t'), partitionIndexes: [0] }] }), {
    given: [aTopic('t', { partitions: 2 }), idempotentRecords],
  }),
  each(DescribeProducers, 'of two producers', ($) => ({ topics: [{ name: $.topic('t'), partitionIndexes: [0, 1] }] }), {
    given: [
      aTopic('t', { partitions: 2 }),
      idempotentRecords,
      records('t', ['c'], { producerId: 4003, producerEpoch: 0, baseSequence: 9 }),
    ],
  }),
  each(
    DescribeProducers,
    'of a partition without',
    ($) => ({ topics: [{ name: $.topic('t'), partitionIndexes: [0] }] }),
    given,
  ),
  each(
    DescribeProducers,
    'of a partition twice',
    ($) => ({ topics: [{ name: $.topic('t'), partitionIndexes: [0, 0] }] }),
    given,
  ),
  ...[2, -1].map((index) =>
    each(
      DescribeProducers,
      `of partition ${index}`,
      ($) => ({ topics: [{ name: $.topic('t'), partitionIndexes: [index] }] }),
      given,
    ),
  ),
  each(DescribeProducers, 'of an unknown topic', ($) => ({
    topics: [{ name: $.topic('unknown'), partitionIndexes: [0] }],
  })),
  each(DescribeProducers, 'of an illegal name', () => ({ topics: [{ name: 'not good', partitionIndexes: [0] }] })),
  each(
    DescribeProducers,
    'of a known and an unknown topic',
    ($) => ({
      topics: [
        { name: $.topic('unknown'), partitionIndexes: [0] },
        { name: $.topic('t'), partitionIndexes: [0] },
      ],
    }),
    given,
  ),
  each(DescribeProducers, 'of no topics', () => ({ topics: [] })),
  each(
    DescribeProducers,
    'of no partitions',
    ($) => ({ topics: [{ name: $.topic('t'), partitionIndexes: [] }] }),
    given,
  ),
]

const around = [
  script('Produce: to a deleted topic', async ($) => {
    await aTopic('t')($)
    const { DeleteTopics } = await import('../../../protocol/apis/topics.ts')
    await $.ask(DeleteTopics, 6, { topics: [{ name: $.topic('t') }], timeoutMs: 5000 })
    await $.ask(Produce, 9, to($, 9, 't', [{ records: ab }]))
    await $.ask(Produce, 13, to($, 13, 't', [{ records: ab }]), { note: 'by id' })
    await $.ask(Metadata, 12, { topics: [{ name: $.topic('t') }], allowAutoTopicCreation: false })
  }),
  script('Produce: what was appended is what is there', async ($) => {
    await aTopic('t')($)
    await $.ask(Produce, 9, to($, 9, 't', [{ records: aBatch(['k=v', 'w'], { compression: 'gzip' }) }]))
    $.note('attributes sent', batch.attributes(ab))
  }),
]

export const produce = theme('produce', [
  ...good,
  ...unknown,
  ...bad,
  ...moreBad,
  ...limits,
  ...idempotent,
  ...silent,
  ...ids,
  ...described,
  ...around,
])
