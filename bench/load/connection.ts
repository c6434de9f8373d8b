/**
 * HOT PATH. One connection of the generator: sends prepared frames, cuts what comes into frames.
 *
 * The kernel writes straight into the buffer that frames are read from, in reads of up to its whole free space: a
 * megabyte of records costs one or two system calls and no copy, so that the generator stays ahead of the broker.
 */
import { connect, type Socket } from 'node:net'
import type { Api } from '../../protocol/schema/api.ts'
import type { Shape, TypeOf } from '../../protocol/schema/field.ts'
import { decodeResponseFrame, encodeRequestFrame, filled } from '../../protocol/schema/message.ts'
import type { Address } from './jobs.ts'

export const CLIENT_ID = 'odradek-bench'

const FIRST_BYTES = 256 * 1024
/** With less free space than this behind the bytes of an incomplete frame, they are moved to the front. */
const SMALLEST_READ_BYTES = 64 * 1024

export interface ConnectionListener {
  /** A response without its length. Its bytes are valid until this returns. */
  onFrame(frame: Buffer): void
  /** The frames of one read have all been handed out: now is the time to send what they made possible. */
  onFramesEnd?(): void
  /** The connection is gone, though nobody here closed it. */
  onLost(error: Error): void
}

export class Connection {
  readonly socket: Socket
  #listener: ConnectionListener
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  /** Where the first byte lies that is not handed out, and where the next one goes. */
  #start = 0
  #end = 0
  #closed = false

  private constructor({ host, port }: Address, listener: ConnectionListener) {
    this.#listener = listener
    this.socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: () => this.#freeSpace(),
        callback: (size: number) => this.#received(size),
      },
    })
    this.socket.on('error', (error) => this.#lost(error))
    this.socket.on('close', () => this.#lost(new Error('the broker closed the connection')))
  }

  /** @throws when the broker cannot be reached */
  static async open(address: Address): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const connection = new Connection(address, { onFrame: answerToNothing, onLost: reject })
      connection.socket.once('connect', () => {
        connection.listen(idle)
        resolve(connection)
      })
    })
  }

  /** Who gets the frames from now on. */
  listen(listener: ConnectionListener): void {
    this.#listener = listener
  }

  /** The bytes must stay as they are until `sent` is called (they are with the kernel) or an answer has come. */
  send(bytes: Buffer, sent?: () => void): void {
    this.socket.write(bytes, sent)
  }

  /** One request and its answer, for what is not under load. Nothing else may be in flight. */
  async call<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    request: Partial<TypeOf<Q>>,
  ): Promise<TypeOf<R>> {
    const before = this.#listener
    try {
      return await new Promise((resolve, reject) => {
        this.#listener = {
          // The value holds views on the frame; what is kept must not change under the caller.
          onFrame: (frame) => resolve(decodeResponseFrame(api, version, Buffer.from(frame)).value),
          onLost: reject,
        }
        this.send(Buffer.concat(encodeRequestFrame(api, version, 0, CLIENT_ID, filled(api.request, request))))
      })
    } finally {
      this.#listener = before
    }
  }

  close(): void {
    this.#closed = true
    this.socket.destroy()
  }

  #freeSpace(): Buffer {
    if (this.#start === this.#end) {
      this.#start = 0
      this.#end = 0
    }
    const wanted = this.#missing()
    if (this.#buffer.length - this.#end < wanted) {
      const held = this.#end - this.#start
      const before = this.#buffer
      if (before.length < held + wanted) this.#buffer = Buffer.allocUnsafeSlow(roundedUp(held + wanted))
      before.copy(this.#buffer, 0, this.#start, this.#end)
      this.#start = 0
      this.#end = held
    }
    return this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end)
  }

  /** Bytes that the frame at hand still lacks, but at least a decent read. */
  #missing(): number {
    const held = this.#end - this.#start
    const whole = held < 4 ? 4 : 4 + this.#buffer.readUInt32BE(this.#start)
    return Math.max(whole - held, SMALLEST_READ_BYTES)
  }

  #received(size: number): boolean {
    this.#end += size
    let any = false
    for (;;) {
      const held = this.#end - this.#start
      if (held < 4) break
      const frameEnd = this.#start + 4 + this.#buffer.readUInt32BE(this.#start)
      if (frameEnd > this.#end) break
      const frame = this.#buffer.subarray(this.#start + 4, frameEnd)
      this.#start = frameEnd
      any = true
      try {
        this.#listener.onFrame(frame)
      } catch (error) {
        this.#lost(error as Error)
        return false
      }
      if (this.#closed) return false
    }
    if (any) this.#listener.onFramesEnd?.()
    return true
  }

  #lost(error: Error): void {
    if (this.#closed) return
    this.close()
    this.#listener.onLost(error)
  }
}

/** Grows in powers of two, so that frames of rising size do not each cost a buffer. */
function roundedUp(size: number): number {
  let rounded = FIRST_BYTES
  while (rounded < size) rounded *= 2
  return rounded
}

function answerToNothing(): never {
  throw new Error('the broker answered nothing that was asked')
}

/** Before and between jobs nothing is expected, not even the end: an error that nobody catches ends the generator. */
const idle: ConnectionListener = {
  onFrame: answerToNothing,
  onLost(error) {
    throw error
  },
}
