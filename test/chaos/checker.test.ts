import { describe, expect, it } from 'vitest'
import { check } from './checker.ts'
import { type AnomalyKind, anomalyKinds } from './checks/findings.ts'
import type { BrokerEvent, SendMode } from './history.ts'
import { Story } from './story.ts'

/** The checker is a judge that decides whether a run was good, so each of its sentences is tried here by hand. */

const found = (story: Story): AnomalyKind[] => [...check(story.events).anomalies.keys()].sort()

/** One history for each kind of anomaly, that shows it. */
const guilty: Record<AnomalyKind, Story> = {
  lost: new Story().sent('a', 0).sent('b', 1).ends('a'),
  vanished: new Story().unknown('a').unknown('b').polled('c1', 0, ['a', 'b']).ends('a'),
  duplicate: new Story().sent('a', 0).sent('b', 1).ends('a', 'b', 'a'),
  'never sent': new Story().sent('a', 0).ends('a', 'x'),
  'refused yet there': new Story().refused('a', 'MESSAGE_TOO_LARGE').ends('a'),
  'two values': new Story().sent('a', 0).unknown('b').polled('c1', 0, ['a']).polled('c2', 0, ['b']).ends('a', 'b'),
  reordered: new Story().sent('a', 1).sent('b', 0).ends('b', 'a'),
  'torn batch': new Story().unknown(['a', 'b', 'c']).ends('a', 'b'),
  'sequence refused': new Story().refused('a', 'OUT_OF_ORDER_SEQUENCE_NUMBER').ends(),
  'producer id reused': new Story().producer('p1', 7).producer('p2', 7).ends(),
  'acknowledged, invisible': new Story().sent('a', 0).bounds({ low: 0, high: 0 }).ends('a'),
  skip: new Story().sent('a', 0).sent('b', 1).sent('c', 2).polled('c1', 0, ['a', undefined, 'c']).ends('a', 'b', 'c'),
  'went back': new Story().sent('a', 0).sent('b', 1).polled('c1', 1, ['a', 'b'], { starts: 0 }).ends('a', 'b'),
  'beyond the watermark': new Story().unknown('a').polled('c1', 0, ['a'], { high: 0 }).ends('a'),
  'position lost': new Story().sent('a', 0).positionLost('c1', 1, 'OFFSET_OUT_OF_RANGE').ends('a'),
  'watermark went back': new Story().unknown('a').bounds({ low: 0, high: 1 }).bounds({ low: 0, high: 0 }).ends('a'),
  'log start went back': new Story()
    .sent('a', 0)
    .trimUnknown(1)
    .bounds({ low: 1, high: 1 })
    .bounds({ low: 0, high: 1 })
    .ends('a'),
  'log start ran ahead': new Story().sent('a', 0).bounds({ low: 1, high: 1 }).ends('a'),
  unread: new Story().sent('a', 0).unknown('b').endsAt(2, 'a'),
  'commit went back': new Story().committed(10).committed(20).told(10).ends(),
  'commit nobody made': new Story().committed(10).told(11).ends(),
  'two owners': new Story().owns('m1', 3, ['t-0']).owns('m2', 3, ['t-0']).ends(),
}

describe('what the checker finds', () => {
  it.each(Object.entries(guilty))('%s', (kind, story) => {
    expect(found(story)).toContain(kind)
  })

  it('has a history for each kind that it knows', () => {
    expect(Object.keys(guilty).sort()).toEqual(Object.keys(anomalyKinds).sort())
  })

  it('says which value, where', () => {
    const { examples } = check(guilty.lost.events)
    expect(examples).toContainEqual({ kind: 'lost', message: 'b of send 1 of p1 [b] (acks=-1) at t-0 1' })
  })

  it('counts all of a kind, and shows a few', () => {
    const values = Array.from({ length: 50 }, (_, i) => `v${i}`)
    const story = new Story()
    for (const [i, value] of values.entries()) story.sent(value, i)
    const { anomalies, examples } = check(story.ends().events)
    expect(anomalies.get('lost')).toBe(50)
    expect(examples.filter(({ kind }) => kind === 'lost')).toHaveLength(5)
  })
})

describe('what the checker does not take for an anomaly', () => {
  it('nothing at all', () => {
    expect(found(new Story().ends())).toEqual([])
  })

  it('a run in which all went well', () => {
    const story = new Story()
      .producer('p1', 1)
      .sent(['a', 'b'], 0)
      .polled('c1', 0, ['a', 'b'], { high: 2 })
      .broker('kill')
      .broker('start')
      .broker('ready')
      .sent('c', 2)
      .polled('c1', 2, ['c'], { high: 3 })
      .committed(3)
      .told(3)
      .bounds({ low: 0, high: 3 })
      .ends('a', 'b', 'c')
    expect(found(story)).toEqual([])
  })

  it('an unknown outcome that happened, and one that did not', () => {
    expect(found(new Story().unknown('a').unknown('b').sent('c', 1).ends('a', 'c'))).toEqual([])
  })

  it('a send without an outcome, there or not', () => {
    expect(found(new Story().open('a').ends('a'))).toEqual([])
    expect(found(new Story().open('a').ends())).toEqual([])
  })

  it('a refused send that is not there', () => {
    expect(found(new Story().refused('a', 'MESSAGE_TOO_LARGE').ends())).toEqual([])
  })

  it('a value twice, of a producer that sends again without numbers', () => {
    expect(found(new Story('retried').sent('a', 1).ends('a', 'a'))).toEqual([])
    expect(found(new Story('once').sent('a', 1).ends('a', 'a'))).toEqual(['duplicate'])
  })

  it('an unknown batch that came in late, behind what was sent after it', () => {
    expect(found(new Story().unknown('a').sent('b', 0).ends('b', 'a'))).toEqual([])
  })

  it('records and batches that lie below the log start in the end', () => {
    const story = new Story().sent(['a', 'b'], 0).sent('c', 2).trimmed(1)
    expect(found(story.endsBetween(1, 3, ['b', 'c']))).toEqual([])
  })

  it('positions below a start that was moved, and groups that go on at it', () => {
    const story = new Story().sent('a', 0).sent('b', 1).sent('c', 2).groupPolled('m1', 0, ['a']).trimUnknown(2)
    story.positionLost('c1', 1, 'OFFSET_OUT_OF_RANGE').groupPolled('m2', 2, ['c'])
    expect(found(story.endsBetween(2, 3, ['c']))).toEqual([])
  })

  it('a start that was shown, not answered, and is back after a crash', () => {
    const story = new Story().sent('a', 0).trimUnknown(1).bounds({ low: 1, high: 1 })
    expect(found(story.broker('kill').broker('ready').bounds({ low: 0, high: 1 }).ends('a'))).toEqual([])
  })

  it('but not positions above it, nor a start that is back before what was answered', () => {
    const story = () => new Story().sent('a', 0).sent('b', 1).sent('c', 2).trimmed(1)
    const lost = story().positionLost('c1', 1, 'OFFSET_OUT_OF_RANGE')
    expect(found(lost.endsBetween(1, 3, ['b', 'c']))).toEqual(['position lost'])
    expect(found(story().endsBetween(0, 3, ['a', 'b', 'c']))).toEqual(['log start went back'])
    expect(found(story().endsBetween(2, 3, ['c']))).toEqual(['log start ran ahead'])
  })

  it('a group that is given records again after a rebalance', () => {
    const story = new Story().sent('a', 0).sent('b', 1).groupPolled('m1', 0, ['a', 'b']).groupPolled('m2', 1, ['b'])
    expect(found(story.ends('a', 'b'))).toEqual([])
  })

  it('but a group that is not given a record', () => {
    const story = new Story().sent('a', 0).sent('b', 1).sent('c', 2)
    expect(found(story.groupPolled('m1', 0, ['a']).groupPolled('m2', 2, ['c']).ends('a', 'b', 'c'))).toEqual(['skip'])
  })

  it('a watermark that was asked for before the higher one was told', () => {
    const concurrent = new Story().unknown('a').bounds({ low: 0, high: 1 }).bounds({ low: 0, high: 0, since: 2 })
    expect(found(concurrent.ends('a'))).toEqual([])
  })

  it('a commit of unknown outcome, before and after it is seen', () => {
    const story = new Story().committed(10).told(10).commitUnknown(20)
    expect(found(story.ends())).toEqual([])
    expect(found(story.told(20).told(20).ends())).toEqual([])
    expect(found(story.told(10).ends())).toEqual(['commit went back'])
  })

  it('a refused commit that is not seen', () => {
    expect(found(new Story().committed(10).commitRefused(20).told(10).ends())).toEqual([])
  })

  it('a partition that has another owner in the next generation', () => {
    expect(found(new Story().owns('m1', 3, ['t-0']).owns('m2', 4, ['t-0']).owns('m1', 3, ['t-0']).ends())).toEqual([])
  })
})

describe('acks=1 promises to outlive the process, not the power', () => {
  const acknowledged = (...then: BrokerEvent['what'][]): Story => {
    const story = new Story('once', 1).broker('ready').sent('a', 0)
    for (const what of then) story.broker(what)
    return story
  }

  it('lost after kill -9: an anomaly', () => {
    expect(found(acknowledged('kill', 'ready').ends())).toEqual(['lost'])
  })

  it('lost after a power cut: none, also if the cut came while the next start recovered', () => {
    expect(found(acknowledged('power', 'ready').ends())).toEqual([])
    expect(found(acknowledged('kill', 'start', 'power', 'ready').ends())).toEqual([])
  })

  it('lost after a power cut that came when the next start had synced it: an anomaly', () => {
    expect(found(acknowledged('kill', 'ready', 'power', 'ready').ends())).toEqual(['lost'])
  })

  it('its offset may be given anew after the power cut', () => {
    expect(found(acknowledged('power', 'ready').sent('b', 0).ends('b'))).toEqual([])
    expect(found(acknowledged('kill', 'ready').sent('b', 0).ends('b'))).toEqual(['lost', 'reordered', 'two values'])
  })

  it('but not once a consumer was given it', () => {
    const story = new Story('once', 1).broker('ready').sent('a', 0).polled('c1', 0, ['a'])
    expect(found(story.broker('power').broker('ready').ends())).toEqual(['vanished'])
  })

  it('acks=all outlives both', () => {
    const modes: SendMode[] = ['idempotent', 'once']
    for (const mode of modes) {
      const story = new Story(mode, -1).broker('ready').sent('a', 0).broker('power').broker('ready')
      expect(found(story.ends())).toEqual(['acknowledged, invisible', 'lost'])
    }
  })
})

describe('in a compacted partition', () => {
  const story = () => new Story().keyed('k').sent('a', 0).sent('b', 1).keyed('j').sent('c', 2)

  it('a value may be gone when its key has a newer one', () => {
    expect(found(story().polled('c1', 0, ['a', 'b', 'c']).endsWithGaps(undefined, 'b', 'c'))).toEqual([])
    expect(found(story().polled('c1', 0, [undefined, 'b', 'c']).endsWithGaps('a', 'b', 'c'))).toEqual([])
  })

  it('so may the first of a value that was sent again without numbers', () => {
    const retried = new Story('retried').keyed('k').sent('a', 1).polled('c1', 0, ['a', 'a'])
    expect(found(retried.endsWithGaps(undefined, 'a'))).toEqual([])
  })

  it('the newest value of a key may not', () => {
    expect(found(story().endsWithGaps('a', undefined, 'c'))).toEqual(['lost'])
    expect(found(story().polled('c1', 0, ['a', 'b', 'c']).endsWithGaps(undefined, undefined, 'c'))).toEqual([
      'lost',
      'vanished',
    ])
    expect(found(story().endsWithGaps('a', 'b', undefined))).toEqual(['lost', 'unread'])
  })

  it('a value keeps its offset', () => {
    expect(found(story().endsWithGaps(undefined, 'c', 'b'))).toEqual(['two values'])
    expect(found(story().polled('c1', 0, ['b']).endsWithGaps(undefined, 'b', 'c'))).toEqual(['vanished'])
  })
})

describe('a history that cannot be', () => {
  it('is an error of the campaign, not of the broker', () => {
    const story = new Story()
    story.events.push({ f: 'send', type: 'ok', op: 9, offset: 0, atMs: 0 })
    expect(() => check(story.events)).toThrow('which never began')
    const jump = new Story().sent('a', 0).polled('c1', 0, ['a']).polled('c1', 7, [])
    expect(() => check(jump.ends('a').events)).toThrow('asked for 7')
  })
})

describe('figures', () => {
  it('say what a verdict rests on', () => {
    const story = new Story()
      .broker('start', 100)
      .broker('ready', 130)
      .sent(['a', 'b'], 0, 135)
      .unknown('c')
      .open('d')
      .refused('e', 'X')
      .broker('kill')
      .broker('start', 200)
      .broker('ready', 210)
      .broker('power')
      .polled('c1', 0, ['a', 'b'])
      .committed(2)
    expect(check(story.events).figures).toEqual({
      sends: {
        idempotent: { ok: 1, fail: 1, info: 2 },
        once: { ok: 0, fail: 0, info: 0 },
        retried: { ok: 0, fail: 0, info: 0 },
      },
      acknowledgedRecords: 2,
      polledRecords: 2,
      commits: 1,
      compactedAway: 0,
      expelled: 0,
      kills: 1,
      powerCuts: 1,
      startsMs: [10, 30],
      firstAcksMs: [5],
    })
  })
})
