/**
 * Which segments of a log may go, oldest first (LG-1..4). Pure: what is known of the segments comes in, a count goes out.
 */
export interface RetentionRules {
  /** -1: for ever. */
  readonly retentionMs: number
  /** -1: without limit. */
  readonly retentionBytes: number
  /** False on topics that are compacted only: then nothing goes but what lies below the log start. */
  readonly deletes: boolean
}

/** A segment as retention sees it. */
export interface AgingSegment {
  readonly sizeBytes: number
  /** Newest timestamp in it, or the file's own time if no record has one; asked for only when needed. */
  readonly largestTimestamp: () => number
  /** First offset after it. */
  readonly endOffset: number
}

/**
 * How many of the oldest segments may be deleted now.
 * @param segments in the order of their offsets; the last one is the active one, and counts as well (LG-3)
 * @param wallNow ms since the epoch
 * @param highWatermark nothing at or above it is ever deleted (LG-4)
 * @param logStartOffset what lies below it was deleted by DeleteRecords, whatever the policy
 */
export function deletableSegments(
  segments: readonly AgingSegment[],
  rules: RetentionRules,
  wallNow: number,
  highWatermark: number,
  logStartOffset: number,
): number {
  const kept = (predicate: (segment: AgingSegment) => boolean): number => {
    let count = 0
    for (const segment of segments) {
      const emptyActive = count === segments.length - 1 && segment.sizeBytes === 0
      if (emptyActive || segment.endOffset > highWatermark || !predicate(segment)) break
      count++
    }
    return count
  }
  const belowStart = kept((segment) => segment.endOffset <= logStartOffset)
  if (!rules.deletes) return belowStart
  const { retentionMs, retentionBytes } = rules
  const tooOld = retentionMs < 0 ? 0 : kept((segment) => wallNow - segment.largestTimestamp() > retentionMs)
  let surplus = segments.reduce((total, { sizeBytes }) => total + sizeBytes, 0) - retentionBytes
  const tooMuch =
    retentionBytes < 0
      ? 0
      : kept((segment) => {
          surplus -= segment.sizeBytes
          return surplus >= 0
        })
  return Math.max(belowStart, tooOld, tooMuch)
}
