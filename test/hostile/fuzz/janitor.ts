import { Fetch } from '../../../protocol/apis/fetch.ts'
import { DeleteGroups, ListGroups } from '../../../protocol/apis/group-admin.ts'
import { Metadata } from '../../../protocol/apis/metadata.ts'
import { CreateTopics, DeleteTopics } from '../../../protocol/apis/topics.ts'
import * as batch from '../../../protocol/records/batch.ts'
import { crc32c } from '../../../protocol/records/crc32c.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import type { Api } from '../../../protocol/schema/api.ts'
import type { Shape, TypeOf } from '../../../protocol/schema/field.ts'
import { fetchRequest } from '../../support/embedded-broker.ts'
import { RawClient } from '../../support/raw-client.ts'
import { TOPICS } from './values.ts'

/** Who keeps the place in order while others throw stones: makes the topics, takes away those that are too many. */
export class Janitor {
  readonly #client: RawClient
  #timer: NodeJS.Timeout | undefined
  #ended = false
  #doing = ''
  #working: Promise<void> = Promise.resolve()

  private constructor(client: RawClient) {
    this.#client = client
  }

  static async start(port: number): Promise<Janitor> {
    const janitor = new Janitor(await RawClient.connect(port))
    await janitor.#tidy()
    janitor.#again()
    return janitor
  }

  /** Nothing is left but the topics, which are empty again, and no group. */
  async cleanUp(): Promise<void> {
    await this.#alone(async () => {
      const { groups } = await this.#call(ListGroups, 2, {})
      await this.#call(DeleteGroups, 1, { groupsNames: groups.map(({ groupId }) => groupId) })
      await this.#delete((await this.#topics()).map(({ name }) => name))
      await this.#tidy()
    })
  }

  /** Produces nothing itself: reads all that is there. @returns what is wrong with it */
  async check(): Promise<string[]> {
    const wrong: string[] = []
    await this.#alone(async () => {
      for (const { name, partitions } of await this.#topics()) {
        for (let partition = 0; partition < partitions; partition++) wrong.push(...(await this.#read(name, partition)))
      }
    })
    return wrong
  }

  async end(): Promise<void> {
    this.#ended = true
    clearTimeout(this.#timer)
    await this.#working.catch(() => {})
    this.#client.destroy()
  }

  #again(): void {
    this.#timer = setTimeout(() => {
      this.#alone(() => this.#tidy()).then(
        () => this.#again(),
        () => {},
      )
    }, 1_000)
  }

  /** One thing at a time, since answers belong to requests by their order. @throws when it takes for ever */
  #alone(work: () => Promise<void>): Promise<void> {
    const next = this.#working.then(() => (this.#ended ? undefined : this.#inTime(work)))
    this.#working = next.catch(() => {})
    return next
  }

  async #inTime(work: () => Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`the janitor is not answered: ${this.#doing}`)), LONG_MS)
    })
    try {
      await Promise.race([work(), late])
    } finally {
      clearTimeout(timer)
    }
  }

  /** As the client's `call`, but known by name when it is not answered. */
  #call<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    request: Partial<TypeOf<Q>>,
  ): Promise<TypeOf<R>> {
    this.#doing = `${api.name} ${JSON.stringify(request)}`.slice(0, 500)
    return this.#client.call(api, version, request)
  }

  async #tidy(): Promise<void> {
    const there = await this.#topics()
    const tooMany = there.filter(({ name, partitions }) => !TOPICS.some((topic) => topic === name) || partitions > 4)
    await this.#delete(tooMany.map(({ name }) => name))
    const kept = new Set(there.filter((topic) => !tooMany.includes(topic)).map(({ name }) => name))
    const missing = TOPICS.filter((name) => !kept.has(name)).map((name) => ({
      name,
      numPartitions: 2,
      replicationFactor: 1,
      assignments: [],
      configs: name === 'fuzz-compacted' ? [{ name: 'cleanup.policy', value: 'compact' }] : [],
    }))
    if (missing.length > 0) await this.#call(CreateTopics, 5, { topics: missing, timeoutMs: 30_000 })
  }

  async #topics(): Promise<{ name: string; partitions: number }[]> {
    const { topics } = await this.#call(Metadata, 8, { topics: null, allowAutoTopicCreation: false })
    return topics
      .filter(({ isInternal }) => !isInternal)
      .map(({ name, partitions }) => ({ name: name ?? '', partitions: partitions.length }))
  }

  async #delete(topicNames: readonly string[]): Promise<void> {
    if (topicNames.length > 0) await this.#call(DeleteTopics, 5, { topicNames, timeoutMs: 30_000 })
  }

  /** Each batch sound, each record readable, each offset behind the one before. */
  async #read(topic: string, partition: number): Promise<string[]> {
    let offset = 0
    for (;;) {
      const { responses } = await this.#call(Fetch, 11, fetchRequest([{ topic, partition, fetchOffset: offset }], 11))
      const answer = responses[0]?.partitions[0]
      const where = `${topic}-${partition} at ${offset}`
      if (answer?.errorCode === 1 && offset < answer.logStartOffset) {
        offset = answer.logStartOffset
        continue
      }
      if (answer === undefined || answer.errorCode !== 0) return [`${where}: error ${answer?.errorCode}`]
      const bytes = Buffer.concat(answer.records ?? [])
      if (bytes.length === 0) return []
      for (let at = 0; at < bytes.length; at += batch.batchSize(bytes, at)) {
        const end = at + batch.batchSize(bytes, at)
        if (batch.crc(bytes, at) !== crc32c(bytes, at + CRC_FROM, end)) return [`${where}: a wrong checksum`]
        if (batch.baseOffset(bytes, at) < offset) return [`${where}: offset ${batch.baseOffset(bytes, at)}`]
        try {
          for (const record of readRecords(bytes, at)) offset = record.offset + 1
        } catch (error) {
          return [`${where}: ${error instanceof Error ? error.message : error}`]
        }
      }
    }
  }
}

const CRC_FROM = 21
/** Nothing takes so long, also on a machine that has other things to do. */
const LONG_MS = 60_000
