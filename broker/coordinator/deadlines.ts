/**
 * The earliest deadline of many keys, as data: nothing fires, the owner asks. A binary heap with one live entry a key.
 * Moving a deadline to a later time costs nothing: the key comes up at its old time, and whoever takes it sets it anew.
 */
export class Deadlines {
  readonly #due = new Map<string, number>()
  #heap: Entry[] = []

  /** Makes `key` come up at `due` at the latest; a deadline that is already earlier stays. */
  set(key: string, due: number): void {
    if (due >= (this.#due.get(key) ?? Number.POSITIVE_INFINITY)) return
    this.#due.set(key, due)
    push(this.#heap, { key, due })
  }

  /** When the next key comes up, or Infinity. */
  next(): number {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#due.get(top.key) === top.due) return top.due
      pop(this.#heap)
    }
    return Number.POSITIVE_INFINITY
  }

  /** Takes out one key whose deadline has come, or undefined. */
  take(now: number): string | undefined {
    if (this.next() > now) return undefined
    const { key } = pop(this.#heap)
    this.#due.delete(key)
    return key
  }

  delete(key: string): void {
    this.#due.delete(key)
  }
}

interface Entry {
  readonly key: string
  readonly due: number
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length
  heap.push(entry)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (heap[parent]!.due <= entry.due) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = entry
}

/** The heap is not empty. */
function pop(heap: Entry[]): Entry {
  const top = heap[0]!
  const last = heap.pop()!
  const length = heap.length
  if (length === 0) return top
  let at = 0
  for (;;) {
    let child = at * 2 + 1
    if (child >= length) break
    if (child + 1 < length && heap[child + 1]!.due < heap[child]!.due) child++
    if (heap[child]!.due >= last.due) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return top
}
