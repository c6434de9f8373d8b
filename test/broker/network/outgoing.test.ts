import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Outgoing, PIECE_BYTES } from '../../../broker/network/outgoing.ts'
import { FakeClock } from '../../support/fake-clock.ts'

/** As much of a socket as is written to: takes everything, and lets it go when the test says so. */
class SlowSocket {
  readonly taken: Buffer[] = []
  writableLength = 0
  writableNeedDrain = false
  #writes = 0

  write(chunk: Buffer): boolean {
    this.taken.push(chunk)
    this.#writes++
    this.writableLength += chunk.length
    if (this.writableLength >= 16_384) this.writableNeedDrain = true
    return !this.writableNeedDrain
  }

  /** The client takes everything. @returns how often was written since the last time */
  drain(outgoing: Outgoing): number {
    const writes = this.#writes
    this.#writes = 0
    this.writableLength = 0
    this.writableNeedDrain = false
    outgoing.drained()
    return writes
  }

  get bytes(): Buffer {
    return Buffer.concat(this.taken)
  }
}

function context() {
  const socket = new SlowSocket()
  const clock = new FakeClock()
  return { socket, clock, outgoing: new Outgoing(socket as unknown as Socket, clock) }
}

const numbered = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, i) => i % 251))

describe('answers on their way', () => {
  it('small ones go to the socket as they are, and do not count', () => {
    const { socket, outgoing } = context()
    const chunk = Buffer.from('answer')
    expect(outgoing.send([chunk, chunk])).toBe(12)
    expect(socket.taken).toEqual([chunk, chunk])
    expect(socket.taken[0]).toBe(chunk)
    expect([outgoing.blocked, outgoing.untakenBytes, outgoing.isHandedOver]).toEqual([false, 0, true])
  })

  it('large ones go in pieces, each when the client has taken the one before', () => {
    const { socket, outgoing } = context()
    const frame = [numbered(10), numbered(3 * PIECE_BYTES + 5), numbered(100)]
    const whole = Buffer.concat(frame)
    expect(outgoing.send(frame)).toBe(whole.length)
    expect(socket.writableLength).toBe(PIECE_BYTES)
    expect(outgoing.untakenBytes).toBe(whole.length)
    let left = whole.length
    while (!outgoing.isHandedOver) {
      expect(outgoing.untakenBytes).toBe(left)
      left -= socket.writableLength
      socket.drain(outgoing)
      expect(socket.writableLength).toBeLessThanOrEqual(PIECE_BYTES)
    }
    socket.drain(outgoing)
    expect(outgoing.untakenBytes).toBe(0)
    expect(socket.bytes.equals(whole)).toBe(true)
  })

  it('keep their order: what comes later waits behind what waits', () => {
    const { socket, outgoing } = context()
    const frames = Array.from({ length: 200 }, (_, i) => [Buffer.alloc(10_000, i)])
    for (const frame of frames) outgoing.send(frame)
    outgoing.send([Buffer.from('last')])
    while (outgoing.blocked) socket.drain(outgoing)
    expect(socket.bytes.equals(Buffer.concat([...frames.flat(), Buffer.from('last')]))).toBe(true)
  })

  it('an empty chunk is nothing to wait for', () => {
    const { socket, outgoing } = context()
    outgoing.send([numbered(2 * PIECE_BYTES), Buffer.alloc(0)])
    socket.drain(outgoing)
    socket.drain(outgoing)
    expect([outgoing.blocked, outgoing.isHandedOver]).toEqual([false, true])
  })

  it('a client that takes piece after piece is slow, one that takes none is stalled', () => {
    const { socket, clock, outgoing } = context()
    clock.advance(1_000)
    expect(outgoing.stalledMs(clock.now())).toBe(0)
    outgoing.send([numbered(3 * PIECE_BYTES)])
    clock.advance(4_000)
    expect(outgoing.stalledMs(clock.now())).toBe(4_000)
    outgoing.send([numbered(100)])
    expect(outgoing.stalledMs(clock.now())).toBe(4_000)
    socket.drain(outgoing)
    expect(outgoing.stalledMs(clock.now())).toBe(0)
    clock.advance(500)
    expect(outgoing.stalledMs(clock.now())).toBe(500)
  })

  it('are forgotten when the connection is gone', () => {
    const { socket, outgoing } = context()
    outgoing.send([numbered(9 * PIECE_BYTES)])
    outgoing.drop()
    socket.drain(outgoing)
    expect(socket.bytes).toHaveLength(PIECE_BYTES)
    expect(outgoing.untakenBytes).toBe(0)
  })
})
