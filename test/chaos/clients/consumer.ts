import { setTimeout as sleep } from 'node:timers/promises'
import { Fetch } from '../../../protocol/apis/fetch.ts'
import { DeleteRecords, ListOffsets } from '../../../protocol/apis/list-offsets.ts'
import { errorName } from '../../../protocol/errors.ts'
import { ATTRIBUTES_AT, batchSize, crc } from '../../../protocol/records/batch.ts'
import { crc32c } from '../../../protocol/records/crc32c.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import type { History } from '../history.ts'
import { Link, untilStopped } from './link.ts'
import { type Client, chance, nameOf, pick, type Scene, type TopicPartition } from './scene.ts'

/** One answer for one partition, with its records told apart and their checksums checked, as a Java client does. */
export interface Polled {
  readonly error: string
  readonly records: [number, string][]
  readonly high: number
  readonly low: number
}

/** Fetches one partition from `from` on. @throws {ConnectionLost} */
export async function fetchFrom(
  link: Link,
  version: number,
  { topic, partition }: TopicPartition,
  from: number,
  { maxBytes, maxWaitMs }: { maxBytes: number; maxWaitMs: number },
): Promise<Polled> {
  const request = {
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: from,
    lastFetchedEpoch: -1,
    logStartOffset: -1,
    partitionMaxBytes: maxBytes,
    replicaDirectoryId: NO_ID,
    highWatermark: Number.MAX_SAFE_INTEGER,
  }
  const { responses, errorCode } = await link.call(Fetch, version, {
    replicaId: -1,
    maxWaitMs,
    minBytes: 1,
    maxBytes,
    isolationLevel: 0,
    topics: [{ topic, topicId: NO_ID, partitions: [request] }],
  })
  const answer = responses[0]?.partitions[0]
  if (answer === undefined) return { error: errorName(errorCode), records: [], high: -1, low: -1 }
  const records: [number, string][] = []
  let error: string = errorName(answer.errorCode)
  for (const chunk of answer.records ?? []) {
    for (let at = 0; at < chunk.length; at += batchSize(chunk, at)) {
      if (crc32c(chunk, at + ATTRIBUTES_AT, at + batchSize(chunk, at)) !== crc(chunk, at)) {
        error = `wrong checksum of the batch of ${at} in ${chunk.length} bytes`
        break
      }
      for (const { offset, value } of readRecords(chunk, at)) {
        // What lies before the position in its batch is for the client to leave out (FE-5).
        if (offset >= from) records.push([offset, value?.toString() ?? ''])
      }
    }
  }
  return { error, records, high: answer.highWatermark, low: answer.logStartOffset }
}

/** Errors after which a position may be gone for good. All others pass. */
const positionErrors = (error: string): boolean => error === 'OFFSET_OUT_OF_RANGE' || error.startsWith('wrong checksum')

/** A consumer with partitions of its own choice, which goes on where it was, and now and then from the start. */
export class Consumer implements Client {
  readonly #scene: Scene
  readonly #proc: string
  readonly #link: Link
  readonly #version: number
  readonly #positions = new Map<TopicPartition, number>()
  #assignment = 1

  constructor(scene: Scene, proc: string) {
    this.#scene = scene
    this.#proc = proc
    this.#link = new Link(scene.port, proc)
    this.#version = pick(scene.random, [4, 8, 11, 12])
  }

  async run(): Promise<void> {
    const { random, partitions, isRunning } = this.#scene
    await untilStopped(isRunning, async () => {
      const place = pick(random, partitions)
      if (chance(random, 1)) this.#seek(place, chance(random, 10) ? 0 : random.integer(2_000))
      await this.#poll(place, pick(random, [1, 200, 4_096, 1_048_576]), random.integer(100))
    })
    this.#link.close()
  }

  /** Goes back, to what lies on the disk by now: by some offsets, or to the start. */
  #seek(place: TopicPartition, back: number): void {
    this.#assignment++
    this.#positions.set(place, back === 0 ? 0 : Math.max(0, (this.#positions.get(place) ?? 0) - back))
  }

  async #poll(place: TopicPartition, maxBytes: number, maxWaitMs: number): Promise<void> {
    const { history } = this.#scene
    const from = this.#positions.get(place) ?? 0
    const reader = `${this.#proc} ${this.#assignment}`
    const since = history.now
    const polled = await fetchFrom(this.#link, this.#version, place, from, { maxBytes, maxWaitMs })
    const { error, records, high, low } = polled
    const partition = nameOf(place)
    if (error === 'NONE') {
      const bounds = { high, ...(this.#version >= 5 ? { low } : {}) }
      const event = { f: 'poll', type: 'ok', proc: this.#proc, reader, rewinds: false } as const
      history.add({ ...event, partition, from, records, since, ...bounds })
      this.#positions.set(place, (records.at(-1)?.[0] ?? from - 1) + 1)
    } else if (positionErrors(error)) {
      history.add({ f: 'poll', type: 'fail', proc: this.#proc, partition, from, error })
      this.#assignment++
      this.#positions.set(place, (await noteBounds(this.#link, history, place))?.low ?? 0)
    } else await sleep(20)
  }
}

/** Deletes the oldest records of one topic now and then, as somebody does who has to keep within a budget. */
export class Trimmer implements Client {
  readonly #scene: Scene
  readonly #link: Link

  constructor(scene: Scene, proc: string) {
    this.#scene = scene
    this.#link = new Link(scene.port, proc)
  }

  async run(): Promise<void> {
    const { random, history, partitions, isRunning } = this.#scene
    const trimmed = partitions.filter(({ isTrimmed }) => isTrimmed)
    await untilStopped(isRunning, async () => {
      await sleep(100 + random.integer(400))
      const place = pick(random, trimmed)
      const bounds = await noteBounds(this.#link, history, place)
      if (bounds === undefined || bounds.high - bounds.low < 20) return
      await this.#trim(place, bounds.low + random.integer(Math.floor((bounds.high - bounds.low) / 2)))
    })
    this.#link.close()
  }

  async #trim({ topic: name, partition: partitionIndex }: TopicPartition, offset: number): Promise<void> {
    const { history } = this.#scene
    const op = history.newOp()
    const partition = nameOf({ topic: name, partition: partitionIndex })
    history.add({ f: 'trim', type: 'invoke', op, partition, offset })
    const topics = [{ name, partitions: [{ partitionIndex, offset }] }]
    const answer = await this.#link.send(DeleteRecords, 1, { topics, timeoutMs: 30_000 })
    const { errorCode = -1, lowWatermark: low = -1 } = answer.topics[0]?.partitions[0] ?? {}
    if (errorCode === 0) history.add({ f: 'trim', type: 'ok', op, partition, low })
    else history.add({ f: 'trim', type: 'info', op, error: errorName(errorCode) })
  }
}

/** Asks for the bounds of all partitions, again and again. */
export class Watcher implements Client {
  readonly #scene: Scene
  readonly #link: Link

  constructor(scene: Scene, proc: string) {
    this.#scene = scene
    this.#link = new Link(scene.port, proc)
  }

  async run(): Promise<void> {
    const { history, partitions, isRunning } = this.#scene
    await untilStopped(isRunning, async () => {
      for (const place of partitions) await noteBounds(this.#link, history, place)
      await sleep(50)
    })
    this.#link.close()
  }
}

/** @returns undefined while the broker cannot tell */
export async function noteBounds(
  link: Link,
  history: History,
  place: TopicPartition,
  isFinal = false,
): Promise<{ low: number; high: number } | undefined> {
  const since = history.now
  const low = await listOffset(link, place, -2)
  const high = await listOffset(link, place, -1)
  if (low === undefined || high === undefined) return undefined
  const final = isFinal ? { final: true } : {}
  history.add({ f: 'bounds', type: 'ok', partition: nameOf(place), low, high, since, ...final })
  return { low, high }
}

async function listOffset(
  link: Link,
  { topic: name, partition: partitionIndex }: TopicPartition,
  timestamp: number,
): Promise<number | undefined> {
  const partitions = [{ partitionIndex, currentLeaderEpoch: -1, timestamp }]
  const { topics } = await link.call(ListOffsets, 5, { replicaId: -1, topics: [{ name, partitions }] })
  const answer = topics[0]?.partitions[0]
  return answer === undefined || answer.errorCode !== 0 ? undefined : answer.offset
}

/** Reads everything between the bounds: the last phase. @throws when that makes no progress */
export async function readAll(port: number, history: History, place: TopicPartition, reader: string): Promise<void> {
  const link = new Link(port, reader, 20_000)
  const partition = nameOf(place)
  const bounds = await noteBounds(link, history, place, true)
  if (bounds === undefined) throw new Error(`the bounds of ${partition} are not to be had`)
  let from = bounds.low
  while (from < bounds.high) {
    const since = history.now
    const { error, records } = await fetchFrom(link, 12, place, from, { maxBytes: 1_048_576, maxWaitMs: 500 })
    if (error !== 'NONE') {
      history.add({ f: 'poll', type: 'fail', proc: reader, partition, from, error })
      break
    }
    history.add({ f: 'poll', type: 'ok', proc: reader, reader, rewinds: false, partition, from, records, since })
    const next = (records.at(-1)?.[0] ?? from - 1) + 1
    if (next === from) break
    from = next
  }
  link.close()
}

const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
