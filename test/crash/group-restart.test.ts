import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { FindCoordinator } from '../../protocol/apis/find-coordinator.ts'
import { DescribeGroups } from '../../protocol/apis/group-admin.ts'
import { Heartbeat, JoinGroup, SyncGroup } from '../../protocol/apis/group-membership.ts'
import { OffsetCommit, OffsetFetch } from '../../protocol/apis/group-offsets.ts'
import { Metadata } from '../../protocol/apis/metadata.ts'
import { type ErrorName, errorName } from '../../protocol/errors.ts'
import type { BrokerChild } from '../support/broker-child.ts'
import { BrokerProcess, temporaryFolder } from '../support/broker-process.ts'
import { RawClient } from '../support/raw-client.ts'

const GROUP = 'survivors'
const settings = ['group.min.session.timeout.ms=500', 'offsets.topic.num.partitions=1']

/** A member that keeps its id and generation over connections, and says only what the test wants it to say. */
class Member {
  readonly name: string
  readonly sessionTimeoutMs: number
  id = ''
  generation = -1
  leader = ''
  others: readonly string[] = []
  #client: RawClient

  constructor(client: RawClient, name: string, sessionTimeoutMs: number) {
    this.#client = client
    this.name = name
    this.sessionTimeoutMs = sessionTimeoutMs
  }

  static async of(broker: BrokerChild, name: string, sessionTimeoutMs: number): Promise<Member> {
    return new Member(await RawClient.connect(broker.port), name, sessionTimeoutMs)
  }

  async comesBackTo(broker: BrokerChild): Promise<void> {
    this.#client.destroy()
    this.#client = await RawClient.connect(broker.port)
  }

  async joins(): Promise<ErrorName> {
    const answer = await this.#client.call(JoinGroup, 7, {
      groupId: GROUP,
      sessionTimeoutMs: this.sessionTimeoutMs,
      rebalanceTimeoutMs: 10_000,
      memberId: this.id,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from(this.name) }],
    })
    this.id = answer.memberId
    this.generation = answer.generationId
    this.leader = answer.leader
    this.others = answer.members.map(({ memberId }) => memberId)
    return errorName(answer.errorCode)
  }

  /** As leader it gives each member its own id as assignment. */
  async syncs(): Promise<string> {
    const assignments = this.others.map((memberId) => ({ memberId, assignment: Buffer.from(`of ${memberId}`) }))
    const { generation: generationId, id: memberId } = this
    const answer = await this.#client.call(SyncGroup, 4, { groupId: GROUP, generationId, memberId, assignments })
    expect(errorName(answer.errorCode)).toBe('NONE')
    return answer.assignment.toString()
  }

  async beats(): Promise<ErrorName> {
    const { generation: generationId, id: memberId } = this
    const { errorCode } = await this.#client.call(Heartbeat, 4, { groupId: GROUP, generationId, memberId })
    return errorName(errorCode)
  }

  async commits(offset: number): Promise<ErrorName> {
    const partition = { partitionIndex: 0, committedOffset: BigInt(offset), committedMetadata: '' }
    const { topics } = await this.#client.call(OffsetCommit, 8, {
      groupId: GROUP,
      generationIdOrMemberEpoch: this.generation,
      memberId: this.id,
      topics: [{ name: 'topic', topicId: '', partitions: [{ ...partition, committedLeaderEpoch: -1 }] }],
    })
    return errorName(topics[0]?.partitions[0]?.errorCode ?? -1)
  }

  async committed(): Promise<number> {
    const topics = [{ name: 'topic', partitionIndexes: [0] }]
    const answer = await this.#client.call(OffsetFetch, 7, { groupId: GROUP, topics })
    return Number(answer.topics[0]?.partitions[0]?.committedOffset)
  }

  async stateOfGroup(): Promise<string | undefined> {
    const { groups } = await this.#client.call(DescribeGroups, 5, { groups: [GROUP] })
    return groups[0]?.groupState
  }
}

/** Two members of one generation, each with its assignment. */
async function stableGroup(broker: BrokerChild, sessions: readonly [number, number]): Promise<[Member, Member]> {
  const client = await RawClient.connect(broker.port)
  await client.call(Metadata, 6, { topics: [{ name: 'topic', topicId: '' }], allowAutoTopicCreation: true })
  while ((await client.call(FindCoordinator, 2, { key: GROUP, keyType: 0 })).errorCode !== 0) await sleep(20)
  client.destroy()
  const first = await Member.of(broker, 'first', sessions[0])
  const second = await Member.of(broker, 'second', sessions[1])
  expect(await first.joins()).toBe('MEMBER_ID_REQUIRED')
  expect(await second.joins()).toBe('MEMBER_ID_REQUIRED')
  expect(await first.joins()).toBe('NONE')
  await first.syncs()
  const secondJoins = second.joins()
  while ((await first.beats()) !== 'REBALANCE_IN_PROGRESS') await sleep(10)
  expect(await Promise.all([first.joins(), secondJoins])).toEqual(['NONE', 'NONE'])
  expect(first.generation).toBe(second.generation)
  const assignments = await Promise.all([first.syncs(), second.syncs()])
  expect(assignments).toEqual([`of ${first.id}`, `of ${second.id}`])
  return [first, second]
}

describe('a group whose broker is killed', () => {
  it('SY-7, OC-10: goes on in its generation when its members come back in time', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder()
    let broker = await BrokerProcess.start(folder, { set: settings })
    const members = await stableGroup(broker, [20_000, 20_000])
    const [first, second] = members
    const { generation } = first
    expect(await first.commits(41)).toBe('NONE')
    for (let restart = 0; restart < 3; restart++) {
      await broker.end('SIGKILL')
      broker = await BrokerProcess.start(folder, { set: settings })
      for (const member of members) {
        await member.comesBackTo(broker)
        expect(await member.beats()).toBe('NONE')
        expect(await member.syncs()).toBe(`of ${member.id}`)
      }
      expect(await first.stateOfGroup()).toBe('Stable')
      expect(await second.committed()).toBe(41 + restart)
      expect(await second.commits(42 + restart)).toBe('NONE')
    }
    expect([first.generation, second.generation]).toEqual([generation, generation])
  })

  it('SY-7, HB-4: but not with a member that does not come back: its session ends, and the others are told', {
    timeout: 60_000,
  }, async () => {
    const folder = temporaryFolder()
    let broker = await BrokerProcess.start(folder, { set: settings })
    const [first, second] = await stableGroup(broker, [20_000, 2_500])
    const { generation } = first
    await broker.end('SIGKILL')
    broker = await BrokerProcess.start(folder, { set: settings })
    await first.comesBackTo(broker)
    while ((await first.beats()) !== 'REBALANCE_IN_PROGRESS') await sleep(20)
    expect(await first.joins()).toBe('NONE')
    expect(first.generation).toBeGreaterThan(generation)
    expect(first.others).toEqual([first.id])
    expect(await first.syncs()).toBe(`of ${first.id}`)
    await second.comesBackTo(broker)
    expect(await second.beats()).toBe('UNKNOWN_MEMBER_ID')
    expect(await second.commits(7)).toBe('UNKNOWN_MEMBER_ID')
  })
})
