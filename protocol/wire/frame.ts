/**
 * HOT PATH. Cuts a socket's chunks into frames: an int32 length, then that many bytes.
 * Cost: a frame that lies in one chunk is a view; one that spans chunks is copied once, when its last byte is there.
 * Memory grows with the bytes received, never with the length announced (H02, H05).
 */
import { MalformedError } from './malformed.ts'

const LENGTH_BYTES = 4
/** Chunks below this size are gathered into blocks: a peer that sends byte by byte must not cost an object a byte. */
const SMALL_CHUNK_BYTES = 4_096
const BLOCK_BYTES = 16_384

export class FrameSplitter {
  readonly #maxFrameBytes: number
  /** Pieces of the frame that is not complete; small ones gathered into the last block. */
  #parts: Buffer[] = []
  /** The block that small chunks go to, if the last part is one, and how much of it is filled. */
  #block: Buffer | undefined
  #blockFilled = 0
  /** Bytes of the incomplete frame's body that are in `#parts`. */
  #received = 0
  /** Size of the incomplete frame's body, or -1 while its length is not complete. */
  #frameBytes = -1
  #length = 0
  #lengthBytes = 0

  /** @param maxFrameBytes largest body, without its length: `socket.request.max.bytes` (100 MiB) */
  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Bytes held for a frame that is not complete, its length included. 0 between frames. */
  get bufferedBytes(): number {
    return this.#lengthBytes + this.#received
  }

  /**
   * Takes what came from the socket and hands out every frame that it completes, without its length, in order.
   * Frames may be empty. The chunk belongs to the splitter and to the frames from now on.
   * @throws {MalformedError} a length that is negative or beyond the limit, before anything is kept for it (NET-3).
   *   What `onFrame` throws passes through. After either the splitter must not be used any more.
   */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#frameBytes === -1) {
        at = this.#readLength(chunk, at)
        if (this.#frameBytes > 0 || this.#frameBytes === -1) continue
      }
      const missing = this.#frameBytes - this.#received
      if (chunk.length - at < missing) {
        this.#keep(at === 0 ? chunk : chunk.subarray(at))
        return
      }
      const rest = chunk.subarray(at, at + missing)
      at += missing
      onFrame(this.#received === 0 ? this.#whole(rest) : this.#joined(rest))
    }
  }

  #readLength(chunk: Buffer, from: number): number {
    let at = from
    while (this.#lengthBytes < LENGTH_BYTES && at < chunk.length) {
      this.#length = (this.#length << 8) | chunk[at++]!
      this.#lengthBytes++
    }
    if (this.#lengthBytes === LENGTH_BYTES) {
      if (this.#length < 0 || this.#length > this.#maxFrameBytes) {
        throw new MalformedError(`frame of ${this.#length} bytes, limit ${this.#maxFrameBytes}`)
      }
      this.#frameBytes = this.#length
    }
    return at
  }

  #keep(piece: Buffer): void {
    this.#received += piece.length
    if (piece.length >= SMALL_CHUNK_BYTES) {
      this.#closeBlock()
      this.#parts.push(piece)
      return
    }
    if (this.#block !== undefined && piece.length > BLOCK_BYTES - this.#blockFilled) this.#closeBlock()
    this.#block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES)
    piece.copy(this.#block, this.#blockFilled)
    this.#blockFilled += piece.length
  }

  #closeBlock(): void {
    if (this.#block !== undefined) this.#parts.push(this.#block.subarray(0, this.#blockFilled))
    this.#block = undefined
    this.#blockFilled = 0
  }

  #whole(frame: Buffer): Buffer {
    this.#reset()
    return frame
  }

  #joined(rest: Buffer): Buffer {
    this.#closeBlock()
    this.#parts.push(rest)
    const frame = Buffer.concat(this.#parts, this.#frameBytes)
    this.#reset()
    return frame
  }

  #reset(): void {
    this.#parts = []
    this.#received = 0
    this.#frameBytes = -1
    this.#length = 0
    this.#lengthBytes = 0
  }
}
