/** Appending good batches, to good and bad places, in and out of limits. */

import { Metadata } from '../../../protocol/apis/metadata.ts'
import { Produce } from '../../../protocol/apis/produce.ts'
import { DeleteTopics } from '../../../protocol/apis/topics.ts'
import { buildBatch } from '../../../protocol/records/batch-builder.ts'
import { aBatch, aTopic, records, T0 } from '../given.ts'
import { changed, NO_SUCH_ID, to } from '../produce-request.ts'
import { each, script, theme } from '../scenario.ts'

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

const around = [
  script('Produce: to a deleted topic', async ($) => {
    await aTopic('t')($)
    await $.ask(DeleteTopics, 6, { topics: [{ name: $.topic('t') }], timeoutMs: 5000 })
    await $.ask(Produce, 9, to($, 9, 't', [{ records: ab }]))
    await $.ask(Produce, 13, to($, 13, 't', [{ records: ab }]), { note: 'by id' })
    await $.ask(Metadata, 12, { topics: [{ name: $.topic('t') }], allowAutoTopicCreation: false })
  }),
  script('Produce: what was appended is what is there', async ($) => {
    await aTopic('t')($)
    await $.ask(Produce, 9, to($, 9, 't', [{ records: aBatch(['k=v', 'w'], { compression: 'gzip' }) }]))
  }),
]

export const produce = theme('produce', [...good, ...unknown, ...limits, ...silent, ...around])
