/** Idempotent producers: their ids, their sequences, and what partitions remember of them. */
import { Produce } from '../../../protocol/apis/produce.ts'
import { DescribeProducers, InitProducerId } from '../../../protocol/apis/producers.ts'
import { aBatch, aTopic, records } from '../given.ts'
import { to } from '../produce-request.ts'
import { each, script, theme } from '../scenario.ts'

const given = { given: [aTopic('t', { partitions: 2 })] }

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

export const producers = theme('producers', [...idempotent, ...ids, ...described])
