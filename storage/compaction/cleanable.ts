/**
 * Which part of a log may be compacted now, whether that is worth the while, and which segments become one: Kafka's rules
 * (LogCleanerManager, Cleaner.groupSegmentsBySize). Pure: what is known of the segments comes in.
 */

/** What a log's settings say about compaction. */
export interface CleaningRules {
  /** `min.cleanable.dirty.ratio` */
  readonly minCleanableDirtyRatio: number
  /** `min.compaction.lag.ms` */
  readonly minCompactionLagMs: number
  /** `max.compaction.lag.ms` */
  readonly maxCompactionLagMs: number
}

/** A segment as compaction sees it. */
export interface CleanableSegment {
  readonly baseOffset: number
  readonly sizeBytes: number
  /** Max timestamp of its first batch; -1 if that has none. May read a header. */
  firstTimestamp(): number
  /** Newest timestamp in it, or the file's own time if no record has one. */
  largestTimestamp(): number
}

export interface CleanableLog {
  /** In the order of their offsets; the last one is active. */
  readonly segments: readonly CleanableSegment[]
  readonly logStartOffset: number
  readonly logEndOffset: number
  /** At most the high watermark; below it no transaction is open. */
  readonly lastStableOffset: number
}

/** The part of a log that the next round would clean, and what speaks for it. */
export interface DirtyRange {
  /** Records from here on were never compared with others. */
  readonly firstDirtyOffset: number
  /** Where a segment begins; nothing from there on is cleaned. */
  readonly upperBoundOffset: number
  /** The checkpoint pointed out of the log, and is to be set to `firstDirtyOffset`. */
  readonly checkpointWasInvalid: boolean
  readonly cleanBytes: number
  readonly dirtyBytes: number
  /** Share of dirty bytes in what a round would read; 0 for none. */
  readonly dirtyRatio: number
  /** How long it has been waiting beyond `max.compaction.lag.ms`; 0 if it has not. */
  readonly overdueMs: number
  /** It is worth a round: dirty enough, or waiting for too long (LG-6). */
  readonly isDue: boolean
}

/**
 * @param checkpoint up to where the log was cleaned before; undefined if it never was
 * @param nowMs wall clock
 */
export function dirtyRangeOf(
  log: CleanableLog,
  rules: CleaningRules,
  checkpoint: number | undefined,
  nowMs: number,
): DirtyRange {
  const { segments, logStartOffset, logEndOffset } = log
  const cleanedTo = checkpoint ?? logStartOffset
  // Below the start: retention or DeleteRecords took it. Above the end: the tail was lost, and nothing is known.
  const checkpointWasInvalid = cleanedTo < logStartOffset || cleanedTo > logEndOffset
  const firstDirtyOffset = checkpointWasInvalid ? logStartOffset : cleanedTo
  const active = segments[segments.length - 1]!
  const dirtyFrom = indexFor(segments, firstDirtyOffset)
  const sealed = segments.slice(dirtyFrom, -1)
  const tooYoung =
    rules.minCompactionLagMs <= 0
      ? undefined
      : sealed.find((segment) => segment.largestTimestamp() > nowMs - rules.minCompactionLagMs)
  const firstUncleanable = Math.max(
    firstDirtyOffset,
    Math.min(log.lastStableOffset, active.baseOffset, tooYoung?.baseOffset ?? Number.MAX_SAFE_INTEGER),
  )
  const upperBoundOffset = segments[indexFor(segments, firstUncleanable)]!.baseOffset
  const cleanBytes = bytesOf(segments.filter(({ baseOffset }) => baseOffset < firstDirtyOffset))
  const dirtyBytes = bytesOf(
    segments.slice(Math.min(dirtyFrom, indexFor(segments, upperBoundOffset)), indexFor(segments, upperBoundOffset)),
  )
  const total = cleanBytes + dirtyBytes
  const dirtyRatio = total === 0 ? 0 : dirtyBytes / total
  const overdueMs = overdue(sealed, rules, nowMs)
  const isDue = total > 0 && ((overdueMs > 0 && dirtyBytes > 0) || dirtyRatio > rules.minCleanableDirtyRatio)
  return {
    firstDirtyOffset,
    upperBoundOffset,
    checkpointWasInvalid,
    cleanBytes,
    dirtyBytes,
    dirtyRatio,
    overdueMs,
    isDue,
  }
}

/** A segment as grouping sees it. */
export interface GroupableSegment {
  readonly baseOffset: number
  readonly sizeBytes: number
  readonly offsetIndexBytes: number
  readonly timeIndexBytes: number
}

/**
 * Groups neighbours that fit into one segment, so that segments do not shrink away to nothing.
 * @param segments those that a round goes over
 * @param upperBoundOffset where the last of them ends at most
 * @returns ranges of indexes, `to` exclusive, that cover all of them in order
 */
export function groupSegments(
  segments: readonly GroupableSegment[],
  limits: { readonly segmentBytes: number; readonly segmentIndexBytes: number },
  upperBoundOffset: number,
): { from: number; to: number }[] {
  const { segmentBytes, segmentIndexBytes } = limits
  const groups: { from: number; to: number }[] = []
  for (let from = 0; from < segments.length; ) {
    const first = segments[from]!
    let { sizeBytes, offsetIndexBytes, timeIndexBytes } = first
    let to = from + 1
    for (; to < segments.length; to++) {
      const next = segments[to]!
      sizeBytes += next.sizeBytes
      offsetIndexBytes += next.offsetIndexBytes
      timeIndexBytes += next.timeIndexBytes
      if (sizeBytes > segmentBytes || offsetIndexBytes > segmentIndexBytes || timeIndexBytes > segmentIndexBytes) break
      // Index entries count from the base in 31 bits. An empty segment has none.
      const lastOffset = (segments[to + 1]?.baseOffset ?? upperBoundOffset) - 1
      if (next.sizeBytes > 0 && lastOffset - first.baseOffset > MAX_RELATIVE_OFFSET) break
    }
    groups.push({ from, to })
    from = to
  }
  return groups
}

const MAX_RELATIVE_OFFSET = 0x7fff_ffff

/** How much longer than allowed the oldest dirty record of a sealed segment has been waiting. */
function overdue(sealed: readonly CleanableSegment[], { maxCompactionLagMs }: CleaningRules, nowMs: number): number {
  const dueMs = nowMs - Math.max(maxCompactionLagMs, 0)
  if (dueMs <= 0) return 0
  let oldest = Number.MAX_SAFE_INTEGER
  for (const segment of sealed) {
    const timestamp = segment.firstTimestamp()
    if (timestamp > 0) oldest = Math.min(oldest, timestamp)
  }
  return Math.max(dueMs - oldest, 0)
}

/** Index of the segment that would hold `offset`: the last one that begins at or before it, else the first. */
function indexFor(segments: readonly CleanableSegment[], offset: number): number {
  let index = segments.length - 1
  while (index > 0 && segments[index]!.baseOffset > offset) index--
  return index
}

function bytesOf(segments: readonly CleanableSegment[]): number {
  return segments.reduce((total, { sizeBytes }) => total + sizeBytes, 0)
}
