/**
 * What the main thread and whoever compacts for it say to each other. Plain data: it crosses threads by being copied.
 */

/** A segment's file, as far as it may be read. */
export interface SourceFile {
  readonly baseOffset: number
  readonly path: string
  /** Whole batches; more may be appended behind them to the active segment. */
  readonly sizeBytes: number
}

/** The last that is known of a producer that is still remembered. */
export interface LastOfProducer {
  readonly producerId: number
  readonly producerEpoch: number
  /** Last offset of its last batch; -1 if only a marker is known of it. */
  readonly lastDataOffset: number
}

/** One round over one log: which records are superseded is found out once, then segments are rewritten group by group. */
export interface CompactionJob {
  /** All segments of the log from its start, the active one included: transactions may end in those behind. */
  readonly sources: readonly SourceFile[]
  /** Records from here on were never compared with others. */
  readonly firstDirtyOffset: number
  /** Index in `sources`, and position in that file, of a batch at or before `firstDirtyOffset`. */
  readonly dirtySource: number
  readonly dirtyPosition: number
  /** Where a segment begins; nothing from there on is compacted. */
  readonly upperBoundOffset: number
  readonly producers: readonly LastOfProducer[]
  /** Wall clock, ms since the epoch: that of the whole round. */
  readonly nowMs: number
  /** `delete.retention.ms` */
  readonly deleteRetentionMs: number
  /** `index.interval.bytes` and `segment.index.bytes` of the segments to be written. */
  readonly indexIntervalBytes: number
  readonly segmentIndexBytes: number
  /** Most that a batch may take when decompressed. */
  readonly maxDecompressedBytes: number
  /** 16 random bytes for this round (key-hash.ts). */
  readonly hashKey: Uint8Array
  readonly limits: CompactionLimits
}

export interface CompactionLimits {
  /** Memory for the key map. */
  readonly dedupeBufferBytes: number
  /** Share of the key map that may be used. */
  readonly loadFactor: number
  /** Of the buffers for reading and writing, both together. */
  readonly ioBufferBytes: number
  /** Read and written; Infinity for no limit. */
  readonly maxBytesPerSecond: number
}

/** What the keys of the dirty part came to. */
export interface KeysFound {
  /** Everything below was seen: the round ends here. Less than the upper bound if the key map was full before. */
  readonly endOffset: number
  readonly keys: number
  /** Share of the key map in use. */
  readonly utilization: number
  readonly bytesRead: number
  readonly recordsRead: number
}

/** Segments that become one: `sources[from]` up to, not including, `sources[to]` of the job. */
export interface Group {
  readonly from: number
  readonly to: number
}

/** What a group came to: files with the suffix `.cleaned` beside the first segment, all of them synced. */
export interface CleanedFiles {
  readonly baseOffset: number
  readonly sizeBytes: number
  readonly hasTransactionIndex: boolean
  readonly bytesRead: number
  readonly recordsRead: number
  readonly recordsKept: number
  /** Records without a key, which cannot be kept in a compacted log. */
  readonly recordsWithoutKey: number
}

/** Who does the heavy part of compaction: another thread, or this one in slices. One job at a time. */
export interface Compactor {
  /** Reads the dirty part and remembers its keys. */
  begin(job: CompactionJob): Promise<KeysFound>
  /** Rewrites a group of the job that was begun. Groups come in the order of their offsets. */
  rewrite(group: Group): Promise<CleanedFiles>
  /** Ends the job, however far it got, and gives its memory back. What is under way is broken off. */
  end(): Promise<void>
}
