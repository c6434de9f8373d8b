import { setTimeout as sleep } from 'node:timers/promises'
import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '../../../protocol/apis/group-membership.ts'
import { errorName } from '../../../protocol/errors.ts'
import { COMMIT_TIMEOUT_MS, commit, committed, type Membership } from './committer.ts'
import { fetchFrom, noteBounds } from './consumer.ts'
import { ConnectionLost, Link, untilStopped } from './link.ts'
import { type Client, chance, nameOf, pick, type Scene, type TopicPartition } from './scene.ts'

/**
 * A member of a classic group: joins, shares the partitions out if it leads, consumes its own from where the group
 * stands, commits. It keeps its membership over lost connections, and now and then leaves, or forgets who it was.
 */
export class GroupMember implements Client {
  readonly #scene: Scene
  readonly #proc: string
  readonly #group: string
  readonly #link: Link
  /** Of its own: a heartbeat does not wait behind a fetch. */
  readonly #heart: Link
  #member = ''
  #membership: Membership | undefined
  #positions = new Map<TopicPartition, number>()

  constructor(scene: Scene, proc: string, group: string) {
    this.#scene = scene
    this.#proc = proc
    this.#group = group
    this.#link = new Link(scene.port, proc, COMMIT_TIMEOUT_MS)
    this.#heart = new Link(scene.port, `${proc} heart`, COMMIT_TIMEOUT_MS)
  }

  async run(): Promise<void> {
    await Promise.all([this.#work(), this.#beat()])
    this.#link.close()
    this.#heart.close()
  }

  async #work(): Promise<void> {
    const { random, isRunning, membersLeave } = this.#scene
    await untilStopped(isRunning, async () => {
      await this.#link.open()
      if (this.#membership === undefined) this.#membership = await this.#join()
      if (this.#membership === undefined) await sleep(20)
      else if (membersLeave && chance(random, 1) && chance(random, 20)) await this.#leave()
      else await this.#consume(this.#membership)
    })
  }

  /** Says that it is alive at its times, whether it was answered or not: the broker may be answering nobody. */
  async #beat(): Promise<void> {
    let unexpected: unknown
    await untilStopped(this.#scene.isRunning, async () => {
      if (unexpected !== undefined) throw unexpected
      await this.#heart.open()
      if (this.#membership !== undefined) {
        this.#heartbeat(this.#membership).catch((error: unknown) => {
          if (!(error instanceof ConnectionLost)) unexpected = error
        })
      }
      await sleep(HEARTBEAT_MS)
    })
  }

  /** @returns undefined if the group wants it to be tried again */
  async #join(): Promise<Membership | undefined> {
    const { history } = this.#scene
    const answer = await this.#link.send(JoinGroup, 7, {
      groupId: this.#group,
      sessionTimeoutMs: this.#scene.sessionTimeoutMs,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      memberId: this.#member,
      protocolType: 'consumer',
      protocols: [{ name: 'chaos', metadata: subscription(this.#scene.partitions) }],
    })
    const error = errorName(answer.errorCode)
    if (error === 'MEMBER_ID_REQUIRED') this.#member = answer.memberId
    else if (error === 'UNKNOWN_MEMBER_ID') this.#member = ''
    if (error !== 'NONE') return undefined
    this.#member = answer.memberId
    const { generationId: generation, memberId, leader, members } = answer
    const ids = members.map((member) => member.memberId)
    const synced = await this.#link.send(SyncGroup, 4, {
      groupId: this.#group,
      generationId: generation,
      memberId,
      assignments: leader === memberId ? this.#share(ids) : [],
    })
    if (synced.errorCode !== 0) {
      this.#dropped(errorName(synced.errorCode))
      return undefined
    }
    const own = this.#placesIn(synced.assignment)
    const partitions = own.map(nameOf)
    history.add({ f: 'own', type: 'ok', group: this.#group, generation, member: memberId, partitions })
    this.#positions = new Map()
    for (const place of own) {
      const offset = await committed(this.#link, history, this.#group, place)
      // Not to be had yet: the partition waits for the next generation.
      if (offset !== undefined) this.#positions.set(place, Math.max(offset, 0))
    }
    return { generation, member: memberId }
  }

  async #heartbeat(membership: Membership): Promise<void> {
    const { generation: generationId, member: memberId } = membership
    const { errorCode } = await this.#heart.send(Heartbeat, 3, { groupId: this.#group, generationId, memberId })
    if (errorCode !== 0 && this.#membership === membership) this.#dropped(errorName(errorCode))
  }

  async #consume(membership: Membership): Promise<void> {
    const { random, history } = this.#scene
    const own = [...this.#positions.keys()]
    if (own.length === 0) {
      await sleep(20)
      return
    }
    const place = pick(random, own)
    const from = this.#positions.get(place) ?? 0
    const since = history.now
    const { error, records } = await fetchFrom(this.#link, 11, place, from, { maxBytes: 16_384, maxWaitMs: 50 })
    const partition = nameOf(place)
    if (error === 'OFFSET_OUT_OF_RANGE') {
      history.add({ f: 'poll', type: 'fail', proc: this.#proc, partition, from, error })
      const bounds = await noteBounds(this.#link, history, place)
      if (bounds !== undefined) this.#positions.set(place, bounds.low)
      return
    }
    if (error !== 'NONE' || records.length === 0) return
    const reader = `group ${this.#group}`
    history.add({ f: 'poll', type: 'ok', proc: this.#proc, reader, rewinds: true, partition, from, records, since })
    const next = (records.at(-1)?.[0] ?? from) + 1
    this.#positions.set(place, next)
    if (!chance(random, 40)) return
    const refused = await commit(this.#link, history, this.#group, place, next, membership)
    if (this.#membership === membership) this.#dropped(refused)
  }

  /** Half of the time it says so; else it is as a process that died, and the group waits for its session to end. */
  async #leave(): Promise<void> {
    const members = [{ memberId: this.#member, groupInstanceId: null, reason: null }]
    this.#member = ''
    this.#membership = undefined
    if (chance(this.#scene.random, 50)) await this.#link.send(LeaveGroup, 4, { groupId: this.#group, members })
  }

  /** What an error of the group means for this member. */
  #dropped(error: string): void {
    if (error === 'UNKNOWN_MEMBER_ID') {
      this.#scene.history.add({ f: 'expelled', type: 'ok', group: this.#group, member: this.#member })
      this.#member = ''
    }
    if (mustJoinAgain.has(error)) this.#membership = undefined
  }

  #share(members: readonly string[]): { memberId: string; assignment: Buffer }[] {
    const { partitions } = this.#scene
    return members.map((memberId, at) => {
      const own = partitions.flatMap((_, index) => (index % members.length === at ? [index] : []))
      return { memberId, assignment: Buffer.from(JSON.stringify(own)) }
    })
  }

  #placesIn(assignment: Buffer): TopicPartition[] {
    if (assignment.length === 0) return []
    const indexes = JSON.parse(assignment.toString()) as number[]
    return indexes.flatMap((index) => this.#scene.partitions[index] ?? [])
  }
}

const mustJoinAgain = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID'])

const HEARTBEAT_MS = 200
const REBALANCE_TIMEOUT_MS = 10_000
/** ConsumerProtocolSubscription version 0: topics, no user data. */
function subscription(partitions: readonly TopicPartition[]): Buffer {
  const topics = [...new Set(partitions.map(({ topic }) => topic))]
  const parts = topics.map((topic) => {
    const part = Buffer.alloc(2 + Buffer.byteLength(topic))
    part.writeInt16BE(part.length - 2)
    part.write(topic, 2)
    return part
  })
  const head = Buffer.alloc(6)
  head.writeInt32BE(topics.length, 2)
  const noUserData = Buffer.from([0xff, 0xff, 0xff, 0xff])
  return Buffer.concat([head, ...parts, noUserData])
}
