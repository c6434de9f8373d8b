import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeldBytes } from '../../../broker/network/held-bytes.ts'
import { SyncGroup } from '../../../protocol/apis/group-membership.ts'
import { AssertionError } from '../../../protocol/assert.ts'
import { encodeRequestFrame, filled } from '../../../protocol/schema/message.ts'
import { echo, eventually, networkContext } from './network-context.ts'

class Reader {
  resumed = 0
  readonly midFrame: boolean
  constructor(midFrame = true) {
    this.midFrame = midFrame
  }
  resume(): void {
    this.resumed++
  }
}

describe('held bytes', () => {
  it('admit readers up to the budget and let them wait above it, first come first served', () => {
    const held = new HeldBytes(100)
    const [a, b] = [new Reader(), new Reader()]
    held.add('requests', 100)
    expect(held.admits(a)).toBe(true)
    held.add('requests', 1)
    expect([held.admits(a), held.admits(b), held.waiting]).toEqual([false, false, 2])
    held.add('requests', -1)
    expect([a.resumed, b.resumed, held.waiting]).toEqual([1, 1, 0])
  })

  it('let one reader finish its frame when most that is held are halves of frames', () => {
    const held = new HeldBytes(100)
    const [a, b] = [new Reader(), new Reader()]
    // A long poll waits, whatever else happens.
    held.add('requests', 1)
    held.add('partial', 170)
    expect(held.admits(a)).toBe(true)
    expect(held.admits(b)).toBe(false)
    // a's frame is whole: it is a request now, and will end by itself.
    held.add('requests', 60)
    held.add('partial', -60)
    held.frameDone(a)
    expect(b.resumed).toBe(0)
    held.add('requests', -60)
    expect(b.resumed).toBe(1)
  })

  it('let nobody off who has nothing to finish', () => {
    const held = new HeldBytes(100)
    const [idle, busy] = [new Reader(false), new Reader()]
    held.add('partial', 120)
    expect(held.admits(idle)).toBe(false)
    expect(held.admits(busy)).toBe(true)
    expect([idle.resumed, held.waiting]).toEqual([0, 1])
  })

  it('pass the exemption on when who had it is gone', () => {
    const held = new HeldBytes(100)
    const [a, b] = [new Reader(), new Reader()]
    held.add('partial', 300)
    held.admits(a)
    held.admits(b)
    held.add('partial', -100)
    held.leave(a)
    expect(b.resumed).toBe(1)
    expect(held.admits(b)).toBe(true)
  })

  it('are never negative: to give back more than was taken is a bug of ours', () => {
    expect(() => new HeldBytes(100).add('partial', -1)).toThrow(AssertionError)
  })

  it('never leave everybody waiting for good', () => {
    const step = fc.record({ reader: fc.nat(4), bytes: fc.integer({ min: 1, max: 80 }), whole: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const held = new HeldBytes(100)
        const readers = Array.from({ length: 5 }, () => {
          const reader = {
            reading: true,
            partial: 0,
            get midFrame() {
              return reader.partial > 0
            },
            resume() {
              reader.reading = held.admits(reader)
            },
          }
          return reader
        })
        for (const { reader: index, bytes, whole } of steps) {
          const reader = readers[index]!
          if (!reader.reading) continue
          reader.partial += bytes
          held.add('partial', bytes)
          if (whole) {
            held.add('requests', reader.partial)
            held.add('partial', -reader.partial)
            held.frameDone(reader)
            held.add('requests', -reader.partial)
            reader.partial = 0
          }
          reader.reading = held.admits(reader)
        }
        // All requests are answered. If somebody has half a frame, somebody can read on.
        if (readers.some(({ partial }) => partial > 0)) expect(readers.some(({ reading }) => reading)).toBe(true)
        if (held.bytes.partial <= held.limit) expect(readers.every(({ reading }) => reading)).toBe(true)
      }),
    )
  })
})

describe('queued.max.request.bytes', () => {
  it('stops reading when many send big requests at once, and all of them are answered', async () => {
    const { connect, server } = await networkContext([echo().handler], { 'queued.max.request.bytes': '1000000' })
    const frame = Buffer.concat(
      encodeRequestFrame(
        SyncGroup,
        5,
        1,
        'raw',
        filled(SyncGroup.request, {
          groupId: 'g',
          assignments: [{ memberId: 'm', assignment: Buffer.alloc(900_000) }],
        }),
      ),
    )
    const clients = await Promise.all(Array.from({ length: 8 }, connect))
    for (const client of clients) client.sendBytes(frame.subarray(0, 500_000))
    await eventually(() => server.held.waiting > 0, 'somebody waits for the budget')
    expect(server.held.bytes.partial).toBeLessThan(8 * 500_000)
    for (const client of clients) client.sendBytes(frame.subarray(500_000))
    for (const client of clients) expect((await client.response(SyncGroup, 5, 1)).assignment.toString()).toBe('g')
    expect(server.held.waiting).toBe(0)
    expect(server.held.bytes).toEqual({ partial: 0, requests: 0 })
  })

  it('is given back by a client that goes away in the middle', async () => {
    const { connect, server } = await networkContext([echo().handler], { 'queued.max.request.bytes': '100000' })
    const [gone, stays] = [await connect(), await connect()]
    const half = Buffer.alloc(300_000)
    half.writeInt32BE(400_000, 0)
    gone.sendBytes(half)
    await eventually(() => server.held.bytes.partial >= 300_000, 'its bytes are held')
    gone.destroy()
    expect((await stays.call(SyncGroup, 5, { groupId: 'g' })).errorCode).toBe(0)
    await eventually(() => server.held.bytes.partial === 0, 'they are given back')
  })
})
