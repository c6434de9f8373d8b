import { assert } from '../../protocol/assert.ts'
import { type Member, metadataOf, noBytes, restoredMember, storedMember } from './classic-member.ts'
import { ClassicWaits } from './classic-waits.ts'
import type { GroupState, JoinedMember, Protocol } from './commands.ts'
import type { StoredGroup } from './events.ts'
import { subscribedTopics } from './subscription.ts'

/**
 * A classic group: members, protocols and generation of the round that is running or done. It knows the rules of
 * membership, but neither requests nor time; classic-join.ts, classic-rebalance.ts and classic-sync.ts drive it.
 * Between two records the group may be ahead of the log by the round in progress, which a crash may forget.
 */
export class ClassicGroup {
  readonly groupId: string
  readonly waits = new ClassicWaits()
  readonly members = new Map<string, Member>()
  /** A GroupMetadata record of it is in the log, so that deleting it needs a tombstone. */
  stored = false
  state: Exclude<GroupState, 'Dead'> = 'Empty'
  generation = 0
  /** `''`: the group never had a member (it is a simple group, or new). */
  protocolType = ''
  protocolName: string | null = null
  leader: string | null = null
  /** Wall clock; -1 where an old record does not say. Offsets of an empty group expire by it. */
  stateTimestampMs: number
  /** Topics that members subscribe to; undefined where that cannot be known. */
  subscription: ReadonlySet<string> | undefined
  readonly #staticMembers = new Map<string, string>()
  readonly #protocolCounts = new Map<string, number>()

  constructor(groupId: string, stateTimestampMs: number) {
    this.groupId = groupId
    this.stateTimestampMs = stateTimestampMs
  }

  isLeader(memberId: string): boolean {
    return this.leader !== null && this.leader === memberId
  }

  /** The member id that holds a `group.instance.id`. */
  staticMemberId(instanceId: string): string | undefined {
    return this.#staticMembers.get(instanceId)
  }

  /** Largest rebalance timeout of the members: how long a join phase waits. */
  rebalanceTimeoutMs(): number {
    let longest = 0
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs)
    return longest
  }

  /** Everyone is in the join phase, also those whose id was given out just now. */
  hasAllMembersJoined(): boolean {
    return this.members.size === this.waits.joining.size && this.waits.pendingIds.size === 0
  }

  /** True if a member that speaks these protocols could be in the group: one of them is spoken by all members. */
  supports(protocolType: string, protocols: readonly Protocol[]): boolean {
    if (this.state === 'Empty') return protocolType !== '' && protocols.length > 0
    if (this.protocolType !== protocolType) return false
    return protocols.some(({ name }) => (this.#protocolCounts.get(name) ?? 0) === this.members.size)
  }

  add(member: Member, protocolType: string): void {
    assert(!this.members.has(member.memberId), 'a member is added once')
    if (member.instanceId !== null) {
      assert(!this.#staticMembers.has(member.instanceId), 'an instance id belongs to one member')
      this.#staticMembers.set(member.instanceId, member.memberId)
    }
    if (this.members.size === 0) this.protocolType = protocolType
    this.leader ??= member.memberId
    this.members.set(member.memberId, member)
    this.#count(member.protocols, 1)
    this.waits.pendingIds.delete(member.memberId)
  }

  /** Takes out a member or a pending id, and its deadlines; if it led, the member that is longest in the group leads. */
  remove(memberId: string): void {
    const member = this.members.get(memberId)
    if (member !== undefined) {
      this.members.delete(memberId)
      this.#count(member.protocols, -1)
      if (member.instanceId !== null) this.#staticMembers.delete(member.instanceId)
    }
    if (this.isLeader(memberId)) this.leader = this.members.keys().next().value ?? null
    this.waits.forget(memberId)
  }

  /** What a member says of itself anew with each JoinGroup. */
  update(member: Member, said: Pick<Member, 'protocols' | 'rebalanceTimeoutMs' | 'sessionTimeoutMs'>): void {
    this.#count(member.protocols, -1)
    member.protocols = said.protocols
    member.rebalanceTimeoutMs = said.rebalanceTimeoutMs
    member.sessionTimeoutMs = said.sessionTimeoutMs
    this.#count(member.protocols, 1)
  }

  /** A static member came back: it takes the old one's place, assignment and leadership under a new id (KIP-345). */
  replaceStatic(old: Member, memberId: string): Member {
    assert(old.instanceId !== null, 'only static members are replaced')
    const member = { ...old, memberId }
    this.members.delete(old.memberId)
    this.members.set(memberId, member)
    this.#staticMembers.set(old.instanceId, memberId)
    if (this.isLeader(old.memberId)) this.leader = memberId
    this.waits.forget(old.memberId)
    return member
  }

  /** The leader stays if it came to the join phase, else the first who did leads. False if nobody came. */
  electJoinedLeader(): boolean {
    if (this.leader === null) return false
    if (this.waits.joining.has(this.leader)) return true
    for (const memberId of this.members.keys()) {
      if (!this.waits.joining.has(memberId)) continue
      this.leader = memberId
      return true
    }
    return false
  }

  /**
   * Each member votes for the first protocol of its list that all members speak; the most votes win (JG-13), at a tie
   * the one that was voted for first.
   */
  selectProtocol(): string {
    const votes = new Map<string, number>()
    for (const member of this.members.values()) {
      const vote = member.protocols.find(({ name }) => this.#protocolCounts.get(name) === this.members.size)
      assert(vote !== undefined, 'members have a protocol in common')
      votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1)
    }
    let best: string | undefined
    for (const [name, count] of votes) {
      if (best === undefined || count > (votes.get(best) ?? 0)) best = name
    }
    assert(best !== undefined, 'a protocol is chosen among members')
    return best
  }

  /** The join phase is over: the next generation begins, waiting for its assignments, or empty. */
  beginGeneration(wallMs: number): void {
    this.generation = this.generation === 2 ** 31 - 1 ? 0 : this.generation + 1
    this.protocolName = this.members.size > 0 ? this.selectProtocol() : null
    this.#moveTo(this.members.size > 0 ? 'CompletingRebalance' : 'Empty', wallMs)
    this.#learnSubscription()
    this.waits.pendingSync.clear()
  }

  beginRebalance(wallMs: number): void {
    assert(this.state !== 'PreparingRebalance', 'one rebalance at a time')
    this.#moveTo('PreparingRebalance', wallMs)
  }

  /** Members as the leader gets them: with their metadata under the chosen protocol. */
  joinedMembers(): JoinedMember[] {
    const protocol = this.protocolName
    assert(protocol !== null, 'a round has a protocol')
    return [...this.members.values()].map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      metadata: metadataOf(member, protocol) ?? noBytes,
    }))
  }

  /** The group as a record of it says; who is not in `assignments` has an empty one (SY-2). */
  toStored(assignments: ReadonlyMap<string, Buffer>): StoredGroup {
    const protocol = this.protocolName
    return {
      protocolType: this.protocolType,
      generation: this.generation,
      protocolName: protocol,
      leader: this.leader,
      stateTimestampMs: this.stateTimestampMs,
      members: [...this.members.values()].map((member) => {
        assert(protocol !== null, 'a group with members has a protocol')
        return storedMember(member, protocol, assignments.get(member.memberId) ?? noBytes)
      }),
    }
  }

  /**
   * Makes the group what a record says: Stable with these members, or Empty. Live this comes right after the record was
   * decided, so the members are the same and keep the rest of what is known of them; at recovery they are made anew.
   */
  restore(stored: StoredGroup): void {
    const before = new Map(this.members)
    this.members.clear()
    this.#staticMembers.clear()
    this.#protocolCounts.clear()
    this.generation = stored.generation
    this.leader = null
    for (const storedMember of stored.members) {
      const known = before.get(storedMember.memberId)
      const member = known ?? restoredMember(storedMember, stored.protocolName ?? '')
      member.assignment = storedMember.assignment
      this.add(member, stored.protocolType)
      before.delete(storedMember.memberId)
    }
    for (const memberId of before.keys()) this.waits.forget(memberId)
    this.protocolType = stored.protocolType
    this.protocolName = stored.protocolName
    this.leader = stored.leader
    this.state = stored.members.length > 0 ? 'Stable' : 'Empty'
    this.stateTimestampMs = stored.stateTimestampMs
    this.stored = true
    this.#learnSubscription()
  }

  /** Offsets of a topic that members read neither expire nor can be deleted. Unreadable subscriptions count as all. */
  subscribesTo(topic: string): boolean {
    return this.subscription?.has(topic) ?? this.protocolType === 'consumer'
  }

  #moveTo(state: ClassicGroup['state'], wallMs: number): void {
    this.state = state
    this.stateTimestampMs = wallMs
  }

  #learnSubscription(): void {
    this.subscription = undefined
    if (this.protocolType !== 'consumer') return
    const topics = new Set<string>()
    for (const member of this.members.values()) {
      const read = this.protocolName === null ? undefined : metadataOf(member, this.protocolName)
      const names = read === undefined ? undefined : subscribedTopics(read)
      if (names === undefined) return
      for (const name of names) topics.add(name)
    }
    this.subscription = topics
  }

  #count(protocols: readonly Protocol[], by: 1 | -1): void {
    for (const name of new Set(protocols.map((protocol) => protocol.name))) {
      const count = (this.#protocolCounts.get(name) ?? 0) + by
      if (count === 0) this.#protocolCounts.delete(name)
      else this.#protocolCounts.set(name, count)
    }
  }
}
