/** What the themes about producing share. */
import { crc32c } from '../../protocol/records/crc32c.ts'
import { aBatch, type BatchOptions } from './given.ts'
import type { Stage } from './stage.ts'

/** An id that no topic has. */
export const NO_SUCH_ID = 'AAAAAAAAAAAAAAAAAAAAZg'

type Part = { readonly index?: number; readonly records: Buffer | null }

/** A Produce request for one topic; by its id from version 13 on. */
export const to = ($: Stage, version: number, label: string, parts: readonly Part[], rest: object = {}) => ({
  acks: -1,
  timeoutMs: 5000,
  topicData: [
    {
      ...(version >= 13 ? { topicId: $.id(label) } : { name: $.topic(label) }),
      partitionData: parts.map(({ index = 0, records }) => ({ index, records })),
    },
  ],
  ...rest,
})

/** A batch with bytes changed; its CRC is right again unless `crc` says not to. */
export function changed(change: (bytes: Buffer) => void, options: { crc?: boolean } & BatchOptions = {}): Buffer {
  const { crc = true, ...rest } = options
  const bytes = aBatch(['a', 'b'], rest)
  change(bytes)
  if (crc) bytes.writeUInt32BE(crc32c(bytes, 21, bytes.length), 17)
  return bytes
}
