/** A few at a time, in order; each waits for the disk more than it computes. The first failure ends it, others finish. */
export async function inParallel<T>(items: Iterable<T>, run: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]()
  const worker = async () => {
    for (let next = left.next(); !next.done; next = left.next()) await run(next.value)
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
}

/** As many as libuv has threads by default. */
const PARALLEL = 4
