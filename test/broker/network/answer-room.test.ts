import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AnswerBytes, SMALL_ANSWER_BYTES } from '../../../broker/network/answer-room.ts'
import { AssertionError } from '../../../protocol/assert.ts'

const MiB = 1024 * 1024

describe('room for answers', () => {
  it('the first half is given away by quarters of what is left, the second in small answers, then one batch each', () => {
    const answers = new AnswerBytes(512 * MiB)
    expect(answers.share).toBe(64 * MiB)
    answers.add('outgoing', 128 * MiB)
    expect(answers.share).toBe(32 * MiB)
    answers.reading(64 * MiB)
    expect(answers.share).toBe(16 * MiB)
    answers.add('outgoing', 100 * MiB)
    expect([answers.share, answers.isShort, answers.isFull]).toEqual([SMALL_ANSWER_BYTES, true, false])
    answers.add('outgoing', 220 * MiB)
    expect([answers.share, answers.isShort, answers.isFull]).toEqual([0, true, true])
    answers.reading(-64 * MiB)
    expect(answers.share).toBe(SMALL_ANSWER_BYTES)
    expect(answers.bytes).toEqual({ outgoing: 448 * MiB, reading: 0 })
  })

  it('who has much to take is served nothing more; when all is full, who has anything to take', () => {
    const answers = new AnswerBytes(8 * MiB)
    expect(answers.mostUntaken).toBe(SMALL_ANSWER_BYTES)
    answers.add('outgoing', 8 * MiB)
    expect(answers.mostUntaken).toBe(0)
  })

  it('any number of answers that obey it stay below the budget, until each gets no more than a batch', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 * MiB }), { maxLength: 2_000 }), (wanted) => {
        const answers = new AnswerBytes(256 * MiB)
        for (const bytes of wanted) {
          const { share } = answers
          if (share > 0) answers.add('outgoing', Math.min(bytes, share))
        }
        expect(answers.used).toBeLessThan(256 * MiB + SMALL_ANSWER_BYTES)
      }),
      { numRuns: 50 },
    )
  })

  it('is never negative: to give back more than was taken is a bug of ours', () => {
    expect(() => new AnswerBytes(100).reading(-1)).toThrow(AssertionError)
  })
})
