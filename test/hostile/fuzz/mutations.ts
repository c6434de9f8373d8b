import type { Dice } from './dice.ts'
import type { Frame, Mark } from './frames.ts'

const INT16_EXTREMES = [-1, -2, 0, 1, 0x7fff, -0x8000]
const INT32_EXTREMES = [-1, -2, 0, 1, 2 ** 31 - 1, -(2 ** 31), 1_000_000, 1_000_001, 65_536]
const UVARINT_EXTREMES = [
  '00',
  '01',
  '02',
  'ffffffff07',
  'ffffffff0f',
  '808080808000',
  'ffffffff7f',
  '8000',
  'c1843d',
  'ff7f',
]

/** Damages a request in one or several ways; its length stays right, so that the connection stays in step. */
export function damaged(frame: Frame, other: Frame, dice: Dice): Buffer {
  let bytes: Buffer = Buffer.from(frame.bytes)
  const times = dice.chance(80) ? 1 : dice.between(2, 4)
  for (let i = 0; i < times; i++) bytes = damageOnce(bytes, frame, other, dice)
  bytes.writeInt32BE(bytes.length - 4, 0)
  return bytes
}

/** Damages what stands between requests: lengths, ends, beginnings. After it nobody knows where a request begins. */
export function outOfStep(frame: Frame, other: Frame, dice: Dice): Buffer {
  const bytes = Buffer.from(frame.bytes)
  switch (dice.below(5)) {
    case 0:
      bytes.writeInt32BE(dice.pick([...INT32_EXTREMES, bytes.length, bytes.length - 5, 104_857_600, 104_857_601]), 0)
      return bytes
    case 1:
      return bytes.subarray(0, dice.below(bytes.length))
    case 2:
      return Buffer.concat([bytes.subarray(0, dice.below(bytes.length)), other.bytes])
    case 3:
      return Buffer.concat([dice.bytes(dice.between(1, 9)), bytes])
    default:
      return dice.bytes(dice.between(1, 500))
  }
}

function damageOnce(bytes: Buffer, { marks }: Frame, other: Frame, dice: Dice): Buffer {
  // The length of the frame is left alone.
  const at = dice.between(4, Math.max(4, bytes.length - 1))
  switch (dice.below(9)) {
    case 0:
    case 1:
      for (let i = dice.between(1, 4); i > 0; i--) {
        const where = dice.between(4, Math.max(4, bytes.length - 1))
        if (where < bytes.length) bytes[where] = (bytes[where] as number) ^ (1 << dice.below(8))
      }
      return bytes
    case 2:
      for (let i = 0; i < 4 && at + i < bytes.length; i++) bytes[at + i] = dice.pick([0, 0x7f, 0x80, 0xff])
      return bytes
    case 3:
      return Buffer.from(bytes.subarray(0, Math.max(4, dice.below(bytes.length))))
    case 4:
      return Buffer.concat([bytes, dice.bytes(dice.between(1, 40))])
    case 5:
      return Buffer.concat([bytes.subarray(0, at), other.bytes.subarray(dice.below(other.bytes.length))])
    case 6:
      if (bytes.length >= 8) bytes.writeInt16BE(dice.pick([...INT16_EXTREMES, dice.below(20)]), dice.pick([4, 6]))
      return bytes
    default:
      return marks.length === 0 ? bytes : withExtreme(bytes, dice.pick(marks), dice)
  }
}

/** A count or a length becomes one of those that have hurt somebody before. */
function withExtreme(bytes: Buffer, { at, encoding }: Mark, dice: Dice): Buffer {
  if (at + 4 > bytes.length) return bytes
  if (encoding === 'int16') bytes.writeInt16BE(dice.pick(INT16_EXTREMES), at)
  else if (encoding === 'int32') bytes.writeInt32BE(dice.pick(INT32_EXTREMES), at)
  else {
    let end = at
    while (end < bytes.length && (bytes[end] as number) > 127) end++
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(dice.pick(UVARINT_EXTREMES), 'hex'),
      bytes.subarray(end + 1),
    ])
  }
  return bytes
}
