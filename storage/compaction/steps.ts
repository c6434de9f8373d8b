/**
 * Long work cut into short steps, the same in a thread of its own and in this one: a generator that yields after each
 * piece of input or output how many bytes that was, or a promise that it needs before it can go on.
 */
export type Steps<T> = Generator<number | Promise<void>, T, void>

/** Called after each step; a promise lets others have their turn, or keeps the work to its budget. Throws to end it. */
export type Pace = (bytes: number) => void | Promise<void>

/** Runs the steps to their end. What they hold open is closed, however they end. */
export async function run<T>(steps: Steps<T>, pace: Pace): Promise<T> {
  try {
    for (;;) {
      const step = steps.next()
      if (step.done === true) return step.value
      if (typeof step.value === 'number') await pace(step.value)
      else await step.value
    }
  } finally {
    // Runs the `finally` blocks of a generator that was left in the middle; nothing happens if it has ended.
    steps.return(undefined as never)
  }
}
