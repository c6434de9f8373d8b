import { describe, expect, it } from 'vitest'
import { cutMessage, errorCode, errorMessage, errorName, errorNames, isRetriable } from '../../protocol/errors.ts'
import { publishedErrors } from './support/published.ts'

describe('The error table', () => {
  it('has the codes, names and retriability of Kafka 4.3, in the order of the codes', () => {
    const ours = errorNames.map((name) => ({ code: errorCode(name), name, retriable: isRetriable(name) }))
    expect(ours).toEqual(publishedErrors())
  })

  it('finds names by code; a code of a later Kafka is an unknown error', () => {
    for (const name of errorNames) expect(errorName(errorCode(name))).toBe(name)
    expect(errorName(9_999)).toBe('UNKNOWN_SERVER_ERROR')
  })

  it('has a sentence for every error, each a different one', () => {
    const texts = errorNames.filter((name) => name !== 'NONE').map(errorMessage)
    for (const text of texts) expect(text).toMatch(/^[A-Za-z].+\.$/)
    expect(new Set(texts).size).toBe(texts.length)
    expect(errorMessage('NONE')).toBe('')
  })

  it('a message that quotes a client is never longer than a string of the protocol', () => {
    expect(cutMessage('Group g not found.')).toBe('Group g not found.')
    const long = cutMessage(`Group ${'漢'.repeat(32_767)} not found.`)
    expect(Buffer.byteLength(long)).toBeLessThan(32_767)
    expect(long.endsWith('…')).toBe(true)
  })
})
