import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { subscribedTopics } from '../../../broker/groups/subscription.ts'
import { subscriptionTo } from '../../support/group-context.ts'

describe("the topics in a consumer's subscription", () => {
  it('are read from version 0 and from every later one, which begins with it', () => {
    const metadata = subscriptionTo('a', 'grüße')
    expect(subscribedTopics(metadata)).toEqual(['a', 'grüße'])
    metadata.writeInt16BE(3)
    expect(subscribedTopics(Buffer.concat([metadata, Buffer.from('owned partitions and more')]))).toEqual([
      'a',
      'grüße',
    ])
    expect(subscribedTopics(subscriptionTo())).toEqual([])
  })

  it('are unknown where the bytes have another form', () => {
    const metadata = subscriptionTo('a')
    expect(subscribedTopics(Buffer.alloc(0))).toBeUndefined()
    expect(subscribedTopics(Buffer.from('anything at all'))).toBeUndefined()
    for (let length = 0; length < metadata.length; length++) {
      expect(subscribedTopics(metadata.subarray(0, length))).toBeUndefined()
    }
    metadata.writeInt16BE(-1)
    expect(subscribedTopics(metadata)).toBeUndefined()
  })

  it('no bytes make it fail or take long', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const topics = subscribedTopics(Buffer.from(bytes))
        expect(topics === undefined || topics.length <= bytes.length).toBe(true)
      }),
    )
  })
})
