import { describe, expect, it } from 'vitest'
import { LeaderEpochs } from '../../storage/leader-epochs.ts'

/** Epochs 2 from offset 10, 4 from 20, 7 from 35; the log ends at 50. */
const given = () =>
  new LeaderEpochs([
    { epoch: 2, startOffset: 10 },
    { epoch: 4, startOffset: 20 },
    { epoch: 7, startOffset: 35 },
  ])
const logEnd = 50

describe('LE-1: the end offset of a leader epoch', () => {
  it('is the log end for the current epoch', () => {
    expect(given().endOffsetFor(7, logEnd)).toEqual({ epoch: 7, endOffset: 50 })
  })
  it('is the start of the next one for an older epoch', () => {
    expect(given().endOffsetFor(4, logEnd)).toEqual({ epoch: 4, endOffset: 35 })
    expect(given().endOffsetFor(2, logEnd)).toEqual({ epoch: 2, endOffset: 20 })
  })
  it('is that of the next lower epoch for one that the log skipped', () => {
    expect(given().endOffsetFor(3, logEnd)).toEqual({ epoch: 2, endOffset: 20 })
    expect(given().endOffsetFor(6, logEnd)).toEqual({ epoch: 4, endOffset: 35 })
  })
  it('is the start of the first epoch for one below all, under its own name', () => {
    expect(given().endOffsetFor(1, logEnd)).toEqual({ epoch: 1, endOffset: 10 })
  })
  it('is unknown above all, for -1, and in an empty log', () => {
    for (const epoch of [8, -1]) expect(given().endOffsetFor(epoch, logEnd)).toEqual({ epoch: -1, endOffset: -1 })
    expect(new LeaderEpochs().endOffsetFor(0, 0)).toEqual({ epoch: -1, endOffset: -1 })
  })
})

describe('LeaderEpochs', () => {
  it('tells the epoch of an offset', () => {
    expect([9, 10, 19, 20, 34, 35, 1000].map((offset) => given().epochAt(offset))).toEqual([-1, 2, 2, 4, 4, 7, 7])
  })

  it('ignores what it knows, and does not have to be saved for it', () => {
    const epochs = given()
    expect(epochs.assign(7, 40)).toBe(false)
    expect(epochs.isDirty).toBe(false)
    expect(epochs.assign(8, 50)).toBe(true)
    expect(epochs.latestEpoch).toBe(8)
    expect(epochs.isDirty).toBe(true)
    epochs.saved()
    expect(epochs.isDirty).toBe(false)
  })

  it('lets an epoch in which nothing was appended give way to the next', () => {
    const epochs = given()
    epochs.assign(8, 50)
    epochs.assign(9, 50)
    expect(epochs.entries.map(({ epoch }) => epoch)).toEqual([2, 4, 7, 9])
  })

  it('lets those go that contradict a new one', () => {
    const epochs = given()
    epochs.assign(4, 30)
    expect(epochs.entries).toEqual([
      { epoch: 2, startOffset: 10 },
      { epoch: 4, startOffset: 30 },
    ])
    epochs.assign(9, 5)
    expect(epochs.entries).toEqual([{ epoch: 9, startOffset: 5 }])
    expect(
      new LeaderEpochs([
        { epoch: 3, startOffset: 8 },
        { epoch: 1, startOffset: 9 },
      ]).latestEpoch,
    ).toBe(1)
  })

  it('refuses what is not an epoch or an offset', () => {
    expect(() => given().assign(-1, 60)).toThrow('not negative')
    expect(() => given().assign(8, -1)).toThrow('begins at an offset')
  })

  it('forgets epochs that begin at or after the new end', () => {
    const epochs = given()
    epochs.truncateFromEnd(36)
    expect(epochs.isDirty).toBe(false)
    epochs.truncateFromEnd(35)
    expect(epochs.latestEpoch).toBe(4)
    expect(epochs.isDirty).toBe(true)
    epochs.truncateFromEnd(0)
    expect(epochs.latestEpoch).toBe(-1)
  })

  it('moves the epoch in force to the new start, and forgets those before', () => {
    const epochs = given()
    epochs.truncateFromStart(9)
    epochs.truncateFromStart(10)
    expect(epochs.isDirty).toBe(false)
    epochs.truncateFromStart(25)
    expect(epochs.entries).toEqual([
      { epoch: 4, startOffset: 25 },
      { epoch: 7, startOffset: 35 },
    ])
    expect(epochs.isDirty).toBe(true)
    epochs.truncateFromStart(100)
    expect(epochs.entries).toEqual([{ epoch: 7, startOffset: 100 }])
    epochs.clear()
    expect(epochs.entries).toEqual([])
  })
})
