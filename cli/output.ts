/** Lines on stdout, no quicker than they are read. */
export class Output {
  #isGone = false

  constructor() {
    // Who reads may go away (`| head`): then there is nobody to work for, and nothing to complain of.
    process.stdout.on('error', () => {
      this.#isGone = true
    })
  }

  /** @returns false when nobody reads any more */
  async line(text: string): Promise<boolean> {
    if (!this.#isGone && !process.stdout.write(`${text}\n`)) {
      await new Promise<void>((resolve) => {
        process.stdout.once('drain', resolve)
        process.stdout.once('close', resolve)
      })
    }
    return !this.#isGone
  }
}
