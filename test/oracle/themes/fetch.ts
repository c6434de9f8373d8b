/** Reading records: offsets, limits, waits, sessions. */
import { Fetch } from '../../../protocol/apis/fetch.ts'
import { Produce } from '../../../protocol/apis/produce.ts'
import type { TypeOf } from '../../../protocol/schema/field.ts'
import { aBatch, aTopic, records } from '../given.ts'
import { each, type Loose, script, theme } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const NO_SUCH_ID = 'AAAAAAAAAAAAAAAAAAAAZg'

type Request = Loose<TypeOf<typeof Fetch.request>>
type Part = NonNullable<NonNullable<Request['topics']>[number]['partitions']>[number]

/** A topic and its partitions; by id from version 13 on. */
const asked = ($: Stage, version: number, label: string, ...partitions: Part[]) => ({
  ...(version >= 13 ? { topicId: $.id(label) } : { topic: $.topic(label) }),
  partitions: partitions.map((one) => ({ partition: 0, partitionMaxBytes: 1_000_000, ...one })),
})

/** A full fetch without a session that does not wait. */
const fetch = (topics: Request['topics'], rest: Request = {}): Request => ({
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes: 10_000_000,
  topics: topics ?? [],
  ...rest,
})

const twoBatches = { given: [aTopic('t', { partitions: 2 }), records('t', ['a', 'b']), records('t', ['c', 'd', 'e'])] }

const offsets = [0, 1, 2, 4, 5, 6, 1000, -1, -2, Number.MAX_SAFE_INTEGER].map((fetchOffset) =>
  each(
    Fetch,
    `from offset ${fetchOffset} of 5`,
    ($, version) => fetch([asked($, version, 't', { fetchOffset })]),
    twoBatches,
  ),
)

const limits = [
  ...[0, 1, 50, 72, 73, 100, 200, -1].map((partitionMaxBytes) =>
    each(
      Fetch,
      `at most ${partitionMaxBytes} bytes of a partition`,
      ($, version) => fetch([asked($, version, 't', { partitionMaxBytes })]),
      twoBatches,
    ),
  ),
  ...[0, 1, 73, 200, -1].map((maxBytes) =>
    each(
      Fetch,
      `at most ${maxBytes} bytes`,
      ($, version) => fetch([asked($, version, 't', {})], { maxBytes }),
      twoBatches,
    ),
  ),
  each(
    Fetch,
    'two partitions share the bytes',
    ($, version) => fetch([asked($, version, 't', {}, { partition: 1 })], { maxBytes: 80 }),
    {
      given: [...twoBatches.given, records('t', ['x'], { partition: 1 })],
    },
  ),
  each(
    Fetch,
    'two partitions, the other first',
    ($, version) => fetch([asked($, version, 't', { partition: 1 }, {})], { maxBytes: 80 }),
    {
      given: [...twoBatches.given, records('t', ['x'], { partition: 1 })],
    },
  ),
  each(Fetch, 'read committed', ($, version) => fetch([asked($, version, 't', {})], { isolationLevel: 1 }), twoBatches),
  each(
    Fetch,
    'an isolation level of 2',
    ($, version) => fetch([asked($, version, 't', {})], { isolationLevel: 2 }),
    twoBatches,
  ),
  each(Fetch, 'a rack', ($, version) => fetch([asked($, version, 't', {})], { rackId: 'r' }), {
    ...twoBatches,
    versions: [11, 18],
  }),
  each(Fetch, 'as a replica that is not there', ($, version) => fetch([asked($, version, 't', {})], { replicaId: 9 }), {
    ...twoBatches,
    versions: [4, 14],
  }),
  each(Fetch, 'as a debugging consumer', ($, version) => fetch([asked($, version, 't', {})], { replicaId: -2 }), {
    ...twoBatches,
    versions: [4, 14],
  }),
]

const waits = [
  each(
    Fetch,
    'at the end, without waiting',
    ($, version) => fetch([asked($, version, 't', { fetchOffset: 5 })]),
    twoBatches,
  ),
  each(
    Fetch,
    'at the end, with a short wait',
    ($, version) => fetch([asked($, version, 't', { fetchOffset: 5 })], { maxWaitMs: 50 }),
    twoBatches,
  ),
  each(
    Fetch,
    'a negative wait',
    ($, version) => fetch([asked($, version, 't', { fetchOffset: 5 })], { maxWaitMs: -1 }),
    twoBatches,
  ),
  each(
    Fetch,
    'min bytes of 0',
    ($, version) => fetch([asked($, version, 't', { fetchOffset: 5 })], { maxWaitMs: 3000, minBytes: 0 }),
    twoBatches,
  ),
  each(
    Fetch,
    'negative min bytes',
    ($, version) => fetch([asked($, version, 't', { fetchOffset: 5 })], { maxWaitMs: 3000, minBytes: -1 }),
    twoBatches,
  ),
  each(
    Fetch,
    'min bytes that are not there',
    ($, version) => fetch([asked($, version, 't', {})], { maxWaitMs: 50, minBytes: 1_000_000 }),
    twoBatches,
  ),
  each(
    Fetch,
    'an error ends the wait',
    ($, version) => fetch([asked($, version, 't', { fetchOffset: 5 }, { partition: 9 })], { maxWaitMs: 5000 }),
    twoBatches,
  ),
  script('Fetch: a wait ends with the records', async ($) => {
    await aTopic('t')($)
    const waiting = $.begin(Fetch, 11, fetch([asked($, 11, 't', {})], { maxWaitMs: 8000 }), { as: 'waiting' })
    await $.pause(200)
    await records('t', ['a'])($)
    await waiting.answer
  }),
  script('Fetch: a wait for more than one batch', async ($) => {
    await aTopic('t')($)
    const waiting = $.begin(Fetch, 11, fetch([asked($, 11, 't', {})], { maxWaitMs: 8000, minBytes: 100 }), {
      as: 'waiting',
    })
    await $.pause(100)
    await records('t', ['a'])($)
    await $.pause(100)
    await records('t', ['b'])($)
    await waiting.answer
  }),
]

const unknown = [
  each(Fetch, 'no topics', () => fetch([])),
  each(Fetch, 'no partitions', ($, version) => fetch([asked($, version, 't')]), twoBatches),
  each(Fetch, 'an unknown topic', ($, version) =>
    fetch([
      { ...(version >= 13 ? { topicId: NO_SUCH_ID } : { topic: $.topic('unknown') }), partitions: [{ partition: 0 }] },
    ]),
  ),
  each(
    Fetch,
    'an unknown and a known topic',
    ($, version) =>
      fetch([
        {
          ...(version >= 13 ? { topicId: NO_SUCH_ID } : { topic: $.topic('unknown') }),
          partitions: [{ partition: 0 }],
        },
        asked($, version, 't', {}),
      ]),
    twoBatches,
  ),
  each(Fetch, 'no topic id', () => fetch([{ partitions: [{ partition: 0 }] }]), { versions: [13, 18] }),
  ...['', 'not good'].map((topic) =>
    each(Fetch, `the illegal name ${JSON.stringify(topic)}`, () => fetch([{ topic, partitions: [{ partition: 0 }] }]), {
      versions: [4, 12],
    }),
  ),
  ...[2, -1].map((partition) =>
    each(
      Fetch,
      `partition ${partition} of two`,
      ($, version) => fetch([asked($, version, 't', { partition })]),
      twoBatches,
    ),
  ),
  each(Fetch, 'a partition twice', ($, version) => fetch([asked($, version, 't', {}, { fetchOffset: 2 })]), twoBatches),
  each(
    Fetch,
    'a topic twice',
    ($, version) => fetch([asked($, version, 't', {}), asked($, version, 't', { partition: 1 })]),
    twoBatches,
  ),
  each(
    Fetch,
    'the internal topic',
    () =>
      fetch([
        {
          topic: '__consumer_offsets',
          partitions: [{ partition: 0, fetchOffset: 99_999_999, partitionMaxBytes: 100 }],
        },
      ]),
    { versions: [4, 12] },
  ),
]

const epochs = [
  ...[0, 1, 5, -1, -2].map((currentLeaderEpoch) =>
    each(
      Fetch,
      `leader epoch ${currentLeaderEpoch}`,
      ($, version) => fetch([asked($, version, 't', { currentLeaderEpoch })]),
      { ...twoBatches, versions: [9, 18] },
    ),
  ),
  ...(
    [
      [0, 5],
      [0, 6],
      [0, 3],
      [1, 5],
      [1, 0],
      [-1, 5],
      [-2, 5],
    ] as const
  ).map(([lastFetchedEpoch, fetchOffset]) =>
    each(
      Fetch,
      `last fetched epoch ${lastFetchedEpoch} at ${fetchOffset}`,
      ($, version) => fetch([asked($, version, 't', { lastFetchedEpoch, fetchOffset })]),
      { ...twoBatches, versions: [12, 18] },
    ),
  ),
]

const coded = (['gzip', 'snappy', 'lz4'] as const).map((compression) =>
  each(Fetch, `records compressed by ${compression}`, ($, version) => fetch([asked($, version, 't', {})]), {
    given: [aTopic('t'), records('t', ['a', 'b', 'c'], { compression })],
  }),
)

const deleted = [
  script('Fetch: after a deletion of records', async ($) => {
    const { DeleteRecords } = await import('../../../protocol/apis/list-offsets.ts')
    for (const given of twoBatches.given) await given($)
    await $.ask(DeleteRecords, 2, {
      topics: [{ name: $.topic('t'), partitions: [{ partitionIndex: 0, offset: 3 }] }],
      timeoutMs: 5000,
    })
    for (const fetchOffset of [0, 2, 3, 4]) {
      await $.ask(Fetch, 12, fetch([asked($, 12, 't', { fetchOffset })]), { note: `from ${fetchOffset}` })
    }
  }),
  script('Fetch: of a topic that was deleted and made again, by the old id', async ($) => {
    const { DeleteTopics } = await import('../../../protocol/apis/topics.ts')
    await aTopic('t')($)
    const old = $.id('t')
    await $.ask(DeleteTopics, 6, { topics: [{ name: $.topic('t') }], timeoutMs: 5000 })
    await $.pause(300)
    await aTopic('t')($)
    await $.ask(Fetch, 13, fetch([{ topicId: old, partitions: [{ partition: 0, partitionMaxBytes: 100 }] }]))
  }),
]

/** A session's requests, one after the other: [what, session epoch, offset of partition 0 or undefined, forgotten]. */
const sessionOf = (sessionId: number, sessionEpoch: number, topics: Request['topics'], rest: Request = {}) =>
  fetch(topics, { sessionId, sessionEpoch, ...rest })

const sessions = [7, 11, 12, 13, 18].flatMap((version) => [
  script(
    'Fetch: a session from beginning to end',
    async ($) => {
      for (const given of twoBatches.given) await given($)
      const first = await $.ask(Fetch, version, sessionOf(0, 0, [asked($, version, 't', {}, { partition: 1 })]), {
        note: 'opens',
      })
      const id = first.sessionId
      $.note('has an id', id !== 0)
      await $.ask(Fetch, version, sessionOf(id, 1, [asked($, version, 't', { fetchOffset: 5 })]), {
        note: 'moves on',
      })
      await $.ask(Fetch, version, sessionOf(id, 2, []), { note: 'nothing new' })
      await records('t', ['new'])($)
      await $.ask(Fetch, version, sessionOf(id, 3, []), { note: 'new records' })
      await $.ask(Fetch, version, sessionOf(id, 4, []), { note: 'the same again' })
      const forgotten = version >= 13 ? { topicId: $.id('t') } : { topic: $.topic('t') }
      await $.ask(Fetch, version, sessionOf(id, 5, [], { forgottenTopicsData: [{ ...forgotten, partitions: [0] }] }), {
        note: 'forgets',
      })
      await $.ask(Fetch, version, sessionOf(id, 6, []), { note: 'after forgetting' })
      await $.ask(Fetch, version, sessionOf(id, -1, [asked($, version, 't', {})]), { note: 'closes' })
      await $.ask(Fetch, version, sessionOf(id, 7, []), { note: 'after closing' })
    },
    { versions: [version] },
  ),
  script(
    'Fetch: a session with wrong epochs',
    async ($) => {
      for (const given of twoBatches.given) await given($)
      const { sessionId } = await $.ask(Fetch, version, sessionOf(0, 0, [asked($, version, 't', {})]), {
        note: 'opens',
      })
      await $.ask(Fetch, version, sessionOf(sessionId, 2, []), { note: 'epoch 2 for 1' })
      await $.ask(Fetch, version, sessionOf(sessionId, 1, []), { note: 'epoch 1' })
      await $.ask(Fetch, version, sessionOf(sessionId, 1, []), { note: 'epoch 1 again' })
      await $.ask(Fetch, version, sessionOf(sessionId, 0, [asked($, version, 't', {})]), {
        note: 'epoch 0 opens anew',
      })
      await $.ask(Fetch, version, sessionOf(sessionId, 1, []), { note: 'the old one is gone' })
    },
    { versions: [version] },
  ),
  script(
    'Fetch: sessions that are not there',
    async ($) => {
      await aTopic('t')($)
      await $.ask(Fetch, version, sessionOf(123_456, 1, []), { note: 'unknown' })
      await $.ask(Fetch, version, sessionOf(0, 1, [asked($, version, 't', {})]), { note: 'id 0, epoch 1' })
      await $.ask(Fetch, version, sessionOf(-1, 1, []), { note: 'id -1' })
      await $.ask(Fetch, version, sessionOf(123_456, 0, [asked($, version, 't', {})]), {
        note: 'unknown, epoch 0',
      })
      await $.ask(Fetch, version, sessionOf(123_456, -1, [asked($, version, 't', {})]), {
        note: 'unknown, epoch -1',
      })
      await $.ask(Fetch, version, sessionOf(0, 0, []), { note: 'opens with nothing' })
    },
    { versions: [version] },
  ),
  script(
    'Fetch: a session with an unknown topic',
    async ($) => {
      await aTopic('t')($)
      const bad = {
        ...(version >= 13 ? { topicId: NO_SUCH_ID } : { topic: $.topic('unknown') }),
        partitions: [{ partition: 0 }],
      }
      const { sessionId } = await $.ask(Fetch, version, sessionOf(0, 0, [bad, asked($, version, 't', {})]), {
        note: 'opens',
      })
      await $.ask(Fetch, version, sessionOf(sessionId, 1, []), { note: 'again' })
    },
    { versions: [version] },
  ),
])

const mixed = [
  script('Fetch: a session that changes from names to ids', async ($) => {
    await aTopic('t')($)
    const { sessionId } = await $.ask(Fetch, 12, sessionOf(0, 0, [asked($, 12, 't', {})]), { note: 'by name' })
    await $.ask(Fetch, 13, sessionOf(sessionId, 1, []), { note: 'by id' })
    await $.ask(Fetch, 13, sessionOf(sessionId, 1, [asked($, 13, 't', { fetchOffset: 0 })]), {
      note: 'by id, a topic',
    })
  }),
  script('Fetch: a session that changes from ids to names', async ($) => {
    await aTopic('t')($)
    const { sessionId } = await $.ask(Fetch, 13, sessionOf(0, 0, [asked($, 13, 't', {})]), { note: 'by id' })
    await $.ask(Fetch, 12, sessionOf(sessionId, 1, [asked($, 12, 't', {})]), { note: 'by name' })
  }),
  script('Fetch: pipelined behind a long wait', async ($) => {
    await aTopic('t')($)
    const waiting = $.begin(Fetch, 11, fetch([asked($, 11, 't', {})], { maxWaitMs: 400 }))
    await waiting.answer
    await $.ask(Produce, 9, {
      acks: -1,
      timeoutMs: 100,
      topicData: [{ name: $.topic('t'), partitionData: [{ index: 0, records: aBatch(['a']) }] }],
    })
  }),
]

export const fetching = theme('fetch', [
  ...offsets,
  ...limits,
  ...waits,
  ...unknown,
  ...epochs,
  ...coded,
  ...deleted,
  ...sessions,
  ...mixed,
])
