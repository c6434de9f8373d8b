import { setTimeout as sleep } from 'node:timers/promises'
import { AssertionError } from '../../protocol/assert.ts'
import type { Api } from '../../protocol/schema/api.ts'
import type { Shape, TypeOf } from '../../protocol/schema/field.ts'
import { decodeResponseFrame, encodeRequestFrame } from '../../protocol/schema/message.ts'
import { RawClient } from '../support/raw-client.ts'
import { fill } from './fill.ts'
import type { Loose } from './scenario.ts'

/** One of the two brokers. */
export interface Side {
  readonly name: 'Kafka' | 'Odradek'
  readonly bootstrap: string
  /** Milliseconds after a change of metadata until the broker itself has learnt of it. */
  readonly settlesInMs: number
}

export interface Entry {
  readonly step: string
  /** Undefined until it came. Otherwise a response, or how it failed to come. */
  answer: unknown
}

export interface AskOptions {
  /** The connection, and its client id; they are opened on first use. */
  readonly as?: string
  /** Keep only entries of lists that carry a name of this run. */
  readonly mine?: boolean
  /** Not part of the comparison. */
  readonly quiet?: boolean
  /** How long to wait for the answer. */
  readonly withinMs?: number
  /** Changes the bytes of the request behind their length, which is set anew. */
  readonly damage?: (body: Buffer) => Buffer
  /** Put into the step's name, to tell it from others. */
  readonly note?: string
}

/** The version cannot say the request: there is nothing to compare. */
export class CannotSay extends Error {}
/** An answer did not come, so the rest of the case has no ground to stand on. What happened is in the transcript. */
export class CaseOver extends Error {}

/** An answer that is under way. */
export interface Pending<R> {
  /** @throws {CaseOver} none came */
  readonly answer: Promise<R>
}

/** One run of a case against one broker: its names, its connections, and the transcript of what was answered. */
export class Stage {
  readonly side: Side
  /** Ends each name of this run, and never appears in what is compared. */
  readonly suffix: string
  readonly transcript: Entry[] = []
  readonly topics = new Set<string>()
  readonly groups = new Set<string>()
  /** By topic id, also those that are gone. */
  readonly topicIds = new Map<string, string>()
  readonly #connections = new Map<string, Promise<RawClient>>()

  constructor(side: Side, suffix: string) {
    this.side = side
    this.suffix = suffix
  }

  /** A topic name that no other run has. It is looked at when the case is over. */
  topic(label: string): string {
    const name = `${label}${this.suffix}`
    this.topics.add(name)
    return name
  }

  /** A group id that no other run has. It is looked at when the case is over. */
  group(label: string): string {
    const id = `${label}${this.suffix}`
    this.groups.add(id)
    return id
  }

  /** The id of a topic that exists, or existed. */
  id(label: string): string {
    const name = `${label}${this.suffix}`
    let found: string | undefined
    for (const [id, known] of this.topicIds) if (known === name) found = id
    if (found === undefined) throw new Error(`nobody has told the id of ${label} yet`)
    return found
  }

  /**
   * Sends a request and writes the answer into the transcript.
   * @throws {CannotSay} the version has no words for it
   * @throws {CaseOver} there was no answer
   */
  ask<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    request: Loose<TypeOf<Q>>,
    options: AskOptions = {},
  ): Promise<TypeOf<R>> {
    return this.begin(api, version, request, options).answer
  }

  /** As `ask`, and takes an answer that does not come as an answer: undefined. */
  async tryToAsk<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    request: Loose<TypeOf<Q>>,
    options: AskOptions = {},
  ): Promise<TypeOf<R> | undefined> {
    try {
      return await this.ask(api, version, request, options)
    } catch (error) {
      if (error instanceof CaseOver) return undefined
      throw error
    }
  }

  /** As `ask`, for what is not compared. */
  quietly<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    request: Loose<TypeOf<Q>>,
  ): Promise<TypeOf<R>> {
    return this.ask(api, version, request, { as: 'quiet', quiet: true })
  }

  /** Sends a request whose answer is awaited later. The transcript is in the order of the requests. */
  begin<Q extends Shape, R extends Shape>(
    api: Api<Q, R>,
    version: number,
    request: Loose<TypeOf<Q>>,
    options: AskOptions = {},
  ): Pending<TypeOf<R>> {
    const { as = 'main', quiet = false, withinMs = 10_000, note, damage } = options
    const frame = (correlationId: number) => encode(api, version, correlationId, as, fill(api.request, request))
    frame(0)
    const who = as === 'main' ? '' : `${as}: `
    const entry: Entry = { step: `${who}${api.name}${note === undefined ? '' : ` ${note}`}`, answer: undefined }
    if (!quiet) this.transcript.push(entry)
    const bytes = frame(7)
    const answer = this.#exchange(as, damage === undefined ? bytes : framed(damage(bytes.subarray(4))), withinMs).then(
      (bytes) => {
        const { correlationId, value } = decodeResponseFrame(api, version, bytes)
        entry.answer = correlationId === 7 ? this.#kept(value, options) : `(the answer to request ${correlationId})`
        return value
      },
      (error: Error) => {
        entry.answer = `(${error.message})`
        throw new CaseOver(error.message)
      },
    )
    const settled = answer.then((value) => this.#settled(api, value))
    // Who does not wait for it does not want to know.
    settled.catch(() => {})
    return { answer: settled }
  }

  /** Sends bytes as they are, with a length in front. @returns what came back: a frame, or how none came */
  async sendFrame(
    body: Buffer,
    options: Pick<AskOptions, 'as' | 'note' | 'quiet' | 'withinMs'> = {},
  ): Promise<Buffer | undefined> {
    const { as = 'main', note = 'bytes', quiet = false, withinMs = 2_000 } = options
    const entry: Entry = { step: note, answer: undefined }
    if (!quiet) this.transcript.push(entry)
    try {
      const frame = await this.#exchange(as, framed(body), withinMs)
      entry.answer = frame.toString('hex')
      return frame
    } catch (error) {
      entry.answer = `(${(error as Error).message})`
      return undefined
    }
  }

  /** Says something in the transcript that is not an answer. */
  note(step: string, answer: unknown): void {
    this.transcript.push({ step, answer })
  }

  /** Closes a connection, as a client that is gone. */
  async disconnect(as: string): Promise<void> {
    const connection = await this.#connections.get(as)
    this.#connections.delete(as)
    connection?.destroy()
    await connection?.closed
  }

  pause(ms: number): Promise<void> {
    return sleep(ms)
  }

  async end(): Promise<void> {
    for (const as of [...this.#connections.keys()]) await this.disconnect(as)
  }

  /** Remembers which topic an id belongs to, wherever an answer says both. */
  learnIds(value: unknown): void {
    if (Array.isArray(value)) for (const one of value) this.learnIds(one)
    if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return
    const { name, topic, topicId } = value as Record<string, unknown>
    const said = name ?? topic
    if (
      typeof topicId === 'string' &&
      typeof said === 'string' &&
      said !== '' &&
      topicId !== 'AAAAAAAAAAAAAAAAAAAAAA'
    ) {
      this.topicIds.set(topicId, said)
    }
    for (const one of Object.values(value)) this.learnIds(one)
  }

  async #exchange(as: string, request: Buffer, withinMs: number): Promise<Buffer> {
    const client = await this.#connection(as)
    client.sendBytes(request)
    const tooLate = new AbortController()
    const frame = client.frame()
    frame.catch(() => {})
    const late = sleep(withinMs, 'late' as const, { signal: tooLate.signal }).catch(() => 'late' as const)
    try {
      const answer = await Promise.race([frame, late])
      if (answer !== 'late') return answer
    } catch {
      this.#connections.delete(as)
      throw new Error('the connection was closed')
    } finally {
      tooLate.abort()
    }
    await this.disconnect(as)
    throw new Error(`no answer within ${withinMs} ms`)
  }

  #connection(as: string): Promise<RawClient> {
    let connection = this.#connections.get(as)
    if (connection === undefined) {
      connection = RawClient.to(this.side.bootstrap)
      this.#connections.set(as, connection)
    }
    return connection
  }

  #kept(value: unknown, { mine = false }: AskOptions): unknown {
    this.learnIds(value)
    return mine ? onlyMine(value, this.suffix) : value
  }

  /** Waits where the broker answers before it has applied what it was told. */
  async #settled<R>(api: Api, value: R): Promise<R> {
    if (changesMetadata.has(api.name) && this.side.settlesInMs > 0) await sleep(this.side.settlesInMs)
    return value
  }
}

const changesMetadata: ReadonlySet<string> = new Set([
  'CreateTopics',
  'DeleteTopics',
  'CreatePartitions',
  'AlterConfigs',
  'IncrementalAlterConfigs',
  'AlterPartitionReassignments',
  'ElectLeaders',
])

function framed(body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

function encode<Q extends Shape, R extends Shape>(
  api: Api<Q, R>,
  version: number,
  correlationId: number,
  clientId: string,
  value: TypeOf<Q>,
): Buffer {
  try {
    return Buffer.concat(encodeRequestFrame(api, version, correlationId, clientId, value))
  } catch (error) {
    if (error instanceof AssertionError) throw new CannotSay(error.message)
    throw error
  }
}

const nameFields = ['name', 'topic', 'topicName', 'groupId', 'resourceName']

/** Drops the entries of lists that have a name, and not one of this run. */
function onlyMine(value: unknown, suffix: string): unknown {
  if (Array.isArray(value)) {
    return value.filter((one) => isMine(one, suffix)).map((one) => onlyMine(one, suffix))
  }
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, onlyMine(one, suffix)]))
}

function isMine(value: unknown, suffix: string): boolean {
  if (typeof value !== 'object' || value === null) return true
  const names = nameFields
    .map((field) => (value as Record<string, unknown>)[field])
    .filter((name) => name !== undefined)
  return names.length === 0 || names.some((name) => typeof name === 'string' && name.endsWith(suffix))
}
