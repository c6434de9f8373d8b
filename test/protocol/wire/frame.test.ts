import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameSplitter } from '../../../protocol/wire/frame.ts'
import { MalformedError } from '../../../protocol/wire/malformed.ts'

const LIMIT = 104_857_600

function framed(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

function pushAll(chunks: readonly Buffer[], limit = LIMIT): Buffer[] {
  const splitter = new FrameSplitter(limit)
  const frames: Buffer[] = []
  for (const chunk of chunks) splitter.push(chunk, (frame) => frames.push(frame))
  expect(splitter.bufferedBytes).toBe(0)
  return frames
}

describe('FrameSplitter', () => {
  it('NET-7: gives the same frames however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.nat(40), fc.integer({ min: 4_000, max: 40_000 })), { maxLength: 6 }),
        fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20_000 })), { maxLength: 40 }),
        (sizes, cuts) => {
          const bodies = sizes.map((size, i) => Buffer.alloc(size, i + 1))
          const stream = Buffer.concat(bodies.map(framed))
          const chunks: Buffer[] = []
          let at = 0
          for (const cut of cuts) {
            chunks.push(stream.subarray(at, at + cut))
            at += cut
          }
          chunks.push(stream.subarray(at))
          expect(pushAll(chunks).map((frame) => frame.toString('hex'))).toEqual(
            bodies.map((body) => body.toString('hex')),
          )
        },
      ),
    )
  })

  it('NET-7: takes a frame byte by byte, and several frames in one chunk', () => {
    const stream = Buffer.concat(['one', '', 'three'].map((text) => framed(Buffer.from(text))))
    const single = [...stream].map((byte) => Buffer.from([byte]))
    for (const chunks of [single, [stream]]) expect(pushAll(chunks).map(String)).toEqual(['one', '', 'three'])
  })

  it('gives a view of the chunk when a frame lies in one', () => {
    const chunk = Buffer.concat([framed(Buffer.from('a')), framed(Buffer.from('bc'))])
    for (const frame of pushAll([chunk])) expect(frame.buffer).toBe(chunk.buffer)
  })

  it('H01, H02: refuses negative lengths and lengths beyond the limit as soon as they are known', () => {
    for (const hex of ['ffffffff', '80000000', '7fffffff', '06400001', '47455420']) {
      const splitter = new FrameSplitter(LIMIT)
      expect(() => splitter.push(Buffer.from(hex, 'hex'), () => expect.unreachable())).toThrow(MalformedError)
      expect(splitter.bufferedBytes).toBeLessThanOrEqual(4)
    }
    expect(pushAll([framed(Buffer.alloc(10))], 10)).toHaveLength(1)
    expect(() => pushAll([framed(Buffer.alloc(11))], 10)).toThrow(MalformedError)
  })

  it('H05: holds what was received, not what was announced, also when it comes byte by byte', () => {
    const splitter = new FrameSplitter(LIMIT)
    splitter.push(Buffer.from('06400000', 'hex'), () => expect.unreachable())
    expect(splitter.bufferedBytes).toBe(4)
    const before = process.memoryUsage()
    for (let i = 0; i < 100_000; i++) splitter.push(Buffer.from([i]), () => expect.unreachable())
    const after = process.memoryUsage()
    expect(splitter.bufferedBytes).toBe(100_004)
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(32 << 20)
  })

  it('has handed out all frames before a bad length, and lets what the receiver throws pass', () => {
    const frames: string[] = []
    const splitter = new FrameSplitter(LIMIT)
    const chunk = Buffer.concat([framed(Buffer.from('ok')), Buffer.from('ffffffff', 'hex')])
    expect(() => splitter.push(chunk, (frame) => frames.push(String(frame)))).toThrow(MalformedError)
    expect(frames).toEqual(['ok'])
    expect(() =>
      new FrameSplitter(LIMIT).push(framed(Buffer.from('x')), () => {
        throw new Error('the receiver failed')
      }),
    ).toThrow('the receiver failed')
  })
})
