import { describe, expect, it } from 'vitest'
import {
  FetchSessions,
  type FetchTarget,
  MAX_SESSION_PARTITIONS,
  type SessionRequest,
} from '../../../broker/partitions/fetch-sessions.ts'
import { seededRandom } from '../../../broker/runtime/random.ts'
import { FakeClock } from '../../support/fake-clock.ts'

const target = (topic: string, partition: number, fetchOffset = 0): FetchTarget => ({
  topic,
  topicId: '',
  partition,
  currentLeaderEpoch: -1,
  fetchOffset,
  lastFetchedEpoch: -1,
  maxBytes: 1000,
  answeredHighWatermark: -1,
  answeredLogStart: -1,
})

function sessions(slots = 10) {
  const clock = new FakeClock()
  const cache = new FetchSessions({ clock, random: seededRandom(1), slots })
  const request = (
    sessionId: number,
    sessionEpoch: number,
    targets: FetchTarget[] = [],
    more: Partial<SessionRequest> = {},
  ) => cache.plan({ sessionId, sessionEpoch, usesTopicIds: false, targets, forgotten: [], ...more })
  const incremental = (...args: Parameters<typeof request>) => {
    const plan = request(...args)
    if (plan.kind !== 'incremental') throw new Error(`expected an incremental plan, not ${JSON.stringify(plan)}`)
    return plan
  }
  const open = (...targets: FetchTarget[]) => cache.open(targets, false)
  return { clock, cache, request, incremental, open }
}

const keys = (targets: readonly FetchTarget[]) => targets.map(({ topic, partition }) => `${topic}-${partition}`)

describe('Fetch sessions (KIP-227)', () => {
  it('FE-19: (0, -1) is full and sessionless, (0, 0) asks for a session', () => {
    const { request } = sessions()
    expect(request(0, -1, [target('t', 0)])).toMatchObject({ kind: 'full', wantsSession: false })
    expect(request(0, 0, [target('t', 0)])).toMatchObject({ kind: 'full', wantsSession: true })
  })

  it('FE-19: a full request with an existing id closes that session', () => {
    const { request, open, cache } = sessions()
    const id = open(target('t', 0))
    expect(cache.size).toBe(1)
    expect(request(id, -1)).toMatchObject({ kind: 'full', wantsSession: false })
    expect(cache.size).toBe(0)
    expect(request(id, 1)).toEqual({ kind: 'refused', error: 'FETCH_SESSION_ID_NOT_FOUND' })
  })

  it('FE-20: an unknown id is 70, a wrong epoch is 71', () => {
    const { request, open } = sessions()
    expect(request(77, 1)).toEqual({ kind: 'refused', error: 'FETCH_SESSION_ID_NOT_FOUND' })
    expect(request(open(target('t', 0)), 5)).toEqual({ kind: 'refused', error: 'INVALID_FETCH_SESSION_EPOCH' })
  })

  it('FE-22: epochs go 1, 2, … and wrap to 1', () => {
    const { incremental, open } = sessions()
    const id = open(target('t', 0))
    incremental(id, 1)
    const { session } = incremental(id, 2)
    session.epoch = 0x7fffffff
    incremental(id, 0x7fffffff)
    expect(session.epoch).toBe(1)
    incremental(id, 1)
  })

  it('an incremental request changes what it names and keeps the rest', () => {
    const { incremental, open } = sessions()
    const id = open(target('a', 0), target('b', 0, 5))
    const { targets } = incremental(id, 1, [target('b', 0, 9), target('c', 0)])
    expect(keys(targets)).toEqual(['a-0', 'b-0', 'c-0'])
    expect(targets[1]?.fetchOffset).toBe(9)
  })

  it('FE-24: forgotten partitions leave, served ones move to the end', () => {
    const { incremental, open } = sessions()
    const id = open(target('a', 0), target('a', 1), target('b', 0))
    const { session, targets } = incremental(id, 1, [], { forgotten: [{ topic: 'a', topicId: '', partitions: [1] }] })
    expect(keys(targets)).toEqual(['a-0', 'b-0'])
    session.served(targets[0]!)
    expect(keys(incremental(id, 2).targets)).toEqual(['b-0', 'a-0'])
  })

  it('a session that forgets everything is closed', () => {
    const { request, open, cache } = sessions()
    const id = open(target('a', 0))
    expect(request(id, 1, [], { forgotten: [{ topic: 'a', topicId: '', partitions: [0] }] })).toMatchObject({
      kind: 'full',
      targets: [],
    })
    expect(cache.size).toBe(0)
  })

  it('FE-25: names and ids do not mix in a session', () => {
    const { request, open } = sessions()
    expect(request(open(target('a', 0)), 1, [], { usesTopicIds: true })).toEqual({
      kind: 'refused',
      error: 'FETCH_SESSION_TOPIC_ID_ERROR',
    })
  })

  it('FE-23: without a free slot the fetch stays sessionless', () => {
    const { open, cache } = sessions(2)
    open(target('a', 0))
    open(target('b', 0))
    expect(open(target('c', 0))).toBe(0)
    expect(cache.size).toBe(2)
    expect(sessions(0).open(target('a', 0))).toBe(0)
  })

  it('FE-23: a session that is idle for two minutes gives its slot away, the least recently used first', () => {
    const { open, incremental, request, clock, cache } = sessions(2)
    const first = open(target('a', 0))
    const second = open(target('b', 0))
    clock.advance(100_000)
    incremental(first, 1)
    clock.advance(30_000)
    expect(open(target('c', 0))).not.toBe(0)
    expect(request(second, 1)).toMatchObject({ error: 'FETCH_SESSION_ID_NOT_FOUND' })
    expect(cache.evictions).toBe(1)
    incremental(first, 2)
  })

  it('FE-23: an old session gives way to a larger one, never to one of its size', () => {
    const { open, incremental, clock } = sessions(1)
    const small = open(target('a', 0))
    clock.advance(119_000)
    incremental(small, 1)
    clock.advance(2_000)
    expect(open(target('b', 0))).toBe(0)
    expect(open(target('b', 0), target('b', 1))).not.toBe(0)
  })

  it('counts the partitions it remembers', () => {
    const { open, cache } = sessions()
    open(target('a', 0), target('a', 1))
    open(target('a', 0))
    expect(cache.partitionCount).toBe(3)
  })

  it('H23: remembers no more partitions than it has memory for: larger fetches go without a session', () => {
    const { open, request, incremental, cache } = sessions()
    const many = (topic: string, count: number) => Array.from({ length: count }, (_, i) => target(topic, i))
    const first = open(...many('a', 3))
    const second = cache.open(many('b', MAX_SESSION_PARTITIONS - 5), false)
    expect([cache.open(many('c', 3), false), cache.partitionCount]).toEqual([0, MAX_SESSION_PARTITIONS - 2])
    incremental(first, 1, many('d', 2))
    expect(cache.partitionCount).toBe(MAX_SESSION_PARTITIONS)
    expect(request(first, 2, many('e', 1))).toMatchObject({ error: 'FETCH_SESSION_ID_NOT_FOUND' })
    expect([cache.size, cache.partitionCount]).toEqual([1, MAX_SESSION_PARTITIONS - 5])
    request(second, -1)
    expect([cache.size, cache.partitionCount]).toEqual([0, 0])
  })
})
