import { setTimeout as sleep } from 'node:timers/promises'
import { OffsetCommit, OffsetFetch } from '../../../protocol/apis/group-offsets.ts'
import { errorName } from '../../../protocol/errors.ts'
import type { History } from '../history.ts'
import { ConnectionLost, Link, untilStopped } from './link.ts'
import { type Client, nameOf, pick, type Scene, type TopicPartition } from './scene.ts'

/** Who commits: nobody in particular, or a member of a generation. */
export interface Membership {
  readonly generation: number
  readonly member: string
}

const outsider: Membership = { generation: -1, member: '' }

/** Errors of a commit that was looked at and turned down. */
const refusals = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS', 'FENCED_INSTANCE_ID'])

/** Commits one offset and notes what came of it. @returns the error, NONE for none. @throws {ConnectionLost} */
export async function commit(
  link: Link,
  history: History,
  group: string,
  place: TopicPartition,
  offset: number,
  { generation, member }: Membership = outsider,
): Promise<string> {
  await link.open()
  const op = history.newOp()
  history.add({ f: 'commit', type: 'invoke', op, group, partition: nameOf(place), offset })
  const known = { committedLeaderEpoch: -1, committedMetadata: '' }
  const partitions = [{ partitionIndex: place.partition, committedOffset: BigInt(offset), ...known }]
  try {
    const { topics } = await link.send(OffsetCommit, 8, {
      groupId: group,
      generationIdOrMemberEpoch: generation,
      memberId: member,
      topics: [{ name: place.topic, topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partitions }],
    })
    const error = errorName(topics[0]?.partitions[0]?.errorCode ?? -1)
    if (error === 'NONE') history.add({ f: 'commit', type: 'ok', op })
    else history.add({ f: 'commit', type: refusals.has(error) ? 'fail' : 'info', op, error })
    return error
  } catch (error) {
    if (error instanceof ConnectionLost) history.add({ f: 'commit', type: 'info', op, error: error.message })
    throw error
  }
}

/** What the group is told, noted. @returns undefined while the broker cannot tell. @throws {ConnectionLost} */
export async function committed(
  link: Link,
  history: History,
  group: string,
  place: TopicPartition,
): Promise<number | undefined> {
  const since = history.now
  const { topics, errorCode } = await link.call(OffsetFetch, 7, {
    groupId: group,
    topics: [{ name: place.topic, partitionIndexes: [place.partition] }],
  })
  const answer = topics[0]?.partitions[0]
  if (errorCode !== 0 || answer === undefined || answer.errorCode !== 0) return undefined
  const offset = Number(answer.committedOffset)
  history.add({ f: 'committed', type: 'ok', group, partition: nameOf(place), offset, since })
  return offset
}

/**
 * Longer than any pause of the broker. A commit that its client gave up could lie in a socket, be read when the pause is
 * over, and undo a newer one: that would be the client's own doing.
 */
export const COMMIT_TIMEOUT_MS = 30_000

/** A group, and where its commits only ever rise. */
export interface Watched {
  readonly group: string
  readonly places: readonly TopicPartition[]
}

/** Commits rising offsets from outside of any group, and asks what is committed, by itself and by others. */
export class Committer implements Client {
  readonly #scene: Scene
  readonly #group: string
  readonly #watched: readonly Watched[]
  readonly #link: Link
  readonly #next = new Map<TopicPartition, number>()

  constructor(scene: Scene, group: string, others: readonly Watched[]) {
    this.#scene = scene
    this.#group = group
    this.#watched = [{ group, places: scene.partitions }, ...others]
    this.#link = new Link(scene.port, group, COMMIT_TIMEOUT_MS)
  }

  async run(): Promise<void> {
    const { random, history, partitions, isRunning } = this.#scene
    await untilStopped(isRunning, async () => {
      // First, since what it commits next hides what was forgotten.
      if (!this.#link.isOpen) await this.#askAll()
      const place = pick(random, partitions)
      const offset = this.#next.get(place) ?? 1
      this.#next.set(place, offset + 1 + random.integer(5))
      await commit(this.#link, history, this.#group, place, offset)
      const watched = pick(random, this.#watched)
      await committed(this.#link, history, watched.group, pick(random, watched.places))
      await sleep(random.integer(20))
    })
    this.#link.close()
  }

  async #askAll(): Promise<void> {
    for (const { group, places } of this.#watched) {
      for (const place of places) await committed(this.#link, this.#scene.history, group, place)
    }
  }
}
