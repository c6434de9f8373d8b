/**
 * The ranges of a file whose checksums were found good since the start: what this process wrote, scanned or read once.
 * Reads are mostly sequential, so the ranges melt into one; a reader that jumps about costs at most `MAX_RANGES` of them.
 */
export class VerifiedRanges {
  /** Starts and ends in turn, rising; ranges neither touch nor overlap. */
  #edges: number[] = []

  /** True if [start, end) lies in one verified range. */
  covers(start: number, end: number): boolean {
    const edges = this.#edges
    for (let i = 0; i < edges.length; i += 2) {
      if (start >= edges[i]! && end <= edges[i + 1]!) return true
    }
    return start >= end
  }

  /** Remembers [start, end). */
  add(start: number, end: number): void {
    if (start >= end) return
    const edges = this.#edges
    const last = edges.length - 1
    if (last > 0 && start >= edges[last - 1]! && start <= edges[last]!) {
      if (end > edges[last]!) edges[last] = end
      return
    }
    const kept: number[] = []
    let from = start
    let to = end
    let placed = false
    for (let i = 0; i < edges.length; i += 2) {
      const rangeStart = edges[i]!
      const rangeEnd = edges[i + 1]!
      if (rangeEnd < from) kept.push(rangeStart, rangeEnd)
      else if (rangeStart > to) {
        if (!placed) kept.push(from, to)
        placed = true
        kept.push(rangeStart, rangeEnd)
      } else {
        from = Math.min(from, rangeStart)
        to = Math.max(to, rangeEnd)
      }
    }
    if (!placed) kept.push(from, to)
    // Forgetting costs a second check, never a wrong answer.
    while (kept.length > MAX_RANGES * 2) kept.splice(smallestRange(kept), 2)
    this.#edges = kept
  }

  /** Forgets all from `end` on: the file was cut there, and what comes next is other bytes. */
  cut(end: number): void {
    const kept: number[] = []
    for (let i = 0; i < this.#edges.length; i += 2) {
      const start = this.#edges[i]!
      if (start < end) kept.push(start, Math.min(this.#edges[i + 1]!, end))
    }
    this.#edges = kept
  }
}

/** 64 ranges are 1 KiB a segment, and a linear search of them is shorter than the CRC of the smallest batch. */
const MAX_RANGES = 64

function smallestRange(edges: readonly number[]): number {
  let smallest = 0
  for (let i = 2; i < edges.length; i += 2) {
    if (edges[i + 1]! - edges[i]! < edges[smallest + 1]! - edges[smallest]!) smallest = i
  }
  return smallest
}
