import { assert } from '../protocol/assert.ts'
import type { Cluster } from './metadata/cluster.ts'
import type { ProducerIds } from './services.ts'

/** Gives out producer ids from blocks of the metadata store; two calls never get the same id, over restarts too (TX-1). */
export class BlockProducerIds implements ProducerIds {
  readonly #cluster: Cluster
  #next = 0
  #end = 0
  #fetching: Promise<void> | undefined

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  next(): number | Promise<number> {
    return this.#next < this.#end ? this.#next++ : this.#fromNewBlock()
  }

  async #fromNewBlock(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#fetching ??= this.#fetch()
      await this.#fetching
    }
    return this.#next++
  }

  async #fetch(): Promise<void> {
    try {
      const { first, count } = await this.#cluster.allocateProducerIds()
      assert(first >= this.#end, 'blocks of producer ids rise')
      this.#next = first
      this.#end = first + count
    } finally {
      this.#fetching = undefined
    }
  }
}
