/** A member of a classic group, as scripts of group cases move it. */
import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '../../protocol/apis/group-membership.ts'
import type { ResponseOf } from '../../protocol/schema/api.ts'
import type { Stage } from './stage.ts'

type Joined = ResponseOf<typeof JoinGroup>

/**
 * What a consumer says in its JoinGroup: version, topics, bytes for its assignor. Kafka reads it: a member of type
 * `consumer` that sends anything else may bring its group to a halt there.
 */
export function subscription(topics: readonly string[], userData: string): Buffer {
  const names = topics.map((topic) => Buffer.from(topic)).map((name) => Buffer.concat([int16(name.length), name]))
  return Buffer.concat([int16(0), int32(topics.length), ...names, int32(userData.length), Buffer.from(userData)])
}

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value])
const int32 = (value: number): Buffer => Buffer.from([value >> 24, value >> 16, value >> 8, value])

export interface MemberOptions {
  readonly instanceId?: string | null
  readonly sessionTimeoutMs?: number
  readonly rebalanceTimeoutMs?: number
  readonly protocolType?: string
  /** Names of assignors, the preferred first; each with metadata that tells them apart. */
  readonly protocols?: readonly string[]
  readonly metadata?: string
}

export class Member {
  readonly #stage: Stage
  readonly #group: string
  readonly #label: string
  readonly #options: MemberOptions
  memberId = ''
  generation = -1
  protocol: string | null = null
  isLeader = false

  /** @param label its connection and client id */
  constructor(stage: Stage, group: string, label: string, options: MemberOptions = {}) {
    this.#stage = stage
    this.#group = stage.group(group)
    this.#label = label
    this.#options = options
  }

  /** Sends JoinGroup; the answer is awaited later, as it waits for others. With version 4 on, a dynamic member asks for its id first. */
  async beginJoin(changes: MemberOptions & { readonly note?: string } = {}): Promise<{ joined: Promise<Joined> }> {
    const { note, ...options } = { ...this.#options, ...changes }
    const { instanceId = null, metadata = `${this.#label}'s` } = options
    const request = () => ({
      groupId: this.#group,
      sessionTimeoutMs: options.sessionTimeoutMs ?? 30_000,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 30_000,
      memberId: this.memberId,
      groupInstanceId: instanceId,
      protocolType: options.protocolType ?? 'consumer',
      protocols: (options.protocols ?? ['range']).map((name) => ({
        name,
        metadata: subscription([], `${metadata} ${name}`),
      })),
    })
    if (this.memberId === '' && instanceId === null) {
      const answer = await this.#stage.ask(JoinGroup, 7, request(), { as: this.#label, note: 'for an id' })
      this.memberId = answer.memberId
    }
    const pending = this.#stage.begin(JoinGroup, 7, request(), {
      as: this.#label,
      withinMs: 15_000,
      ...(note === undefined ? {} : { note }),
    })
    const joined = pending.answer.then((answer) => {
      if (answer.errorCode === 0) {
        this.memberId = answer.memberId
        this.generation = answer.generationId
        this.protocol = answer.protocolName
        this.isLeader = answer.leader === answer.memberId
      }
      return answer
    })
    joined.catch(() => {})
    // In the order in which the script says it, not that of two sockets.
    await this.#stage.pause(60)
    return { joined }
  }

  async join(changes: MemberOptions & { readonly note?: string } = {}): Promise<Joined> {
    const { joined } = await this.beginJoin(changes)
    return joined
  }

  sync(
    assignments: readonly (readonly [Member, string])[] = [],
    changes: { generation?: number; memberId?: string; note?: string } = {},
  ) {
    return this.beginSync(assignments, changes).answer
  }

  beginSync(
    assignments: readonly (readonly [Member, string])[] = [],
    changes: { generation?: number; memberId?: string; note?: string } = {},
  ) {
    return this.#stage.begin(
      SyncGroup,
      5,
      {
        groupId: this.#group,
        generationId: changes.generation ?? this.generation,
        memberId: changes.memberId ?? this.memberId,
        groupInstanceId: this.#options.instanceId ?? null,
        protocolType: this.#options.protocolType ?? 'consumer',
        protocolName: this.protocol ?? 'range',
        assignments: assignments.map(([member, assignment]) => ({
          memberId: member.memberId,
          assignment: Buffer.from(assignment),
        })),
      },
      { as: this.#label, withinMs: 15_000, ...(changes.note === undefined ? {} : { note: changes.note }) },
    )
  }

  heartbeat(changes: { generation?: number; memberId?: string; instanceId?: string | null; note?: string } = {}) {
    return this.#stage.ask(
      Heartbeat,
      4,
      {
        groupId: this.#group,
        generationId: changes.generation ?? this.generation,
        memberId: changes.memberId ?? this.memberId,
        groupInstanceId: changes.instanceId === undefined ? (this.#options.instanceId ?? null) : changes.instanceId,
      },
      { as: this.#label, ...(changes.note === undefined ? {} : { note: changes.note }) },
    )
  }

  leave(changes: { memberId?: string; instanceId?: string | null } = {}) {
    return this.#stage.ask(
      LeaveGroup,
      5,
      {
        groupId: this.#group,
        members: [
          {
            memberId: changes.memberId ?? this.memberId,
            groupInstanceId: changes.instanceId ?? this.#options.instanceId ?? null,
          },
        ],
      },
      { as: this.#label },
    )
  }

  disconnect(): Promise<void> {
    return this.#stage.disconnect(this.#label)
  }
}

/** Members of a group that is Stable, the first of them its leader. Each has the assignment `for <label>`. */
export async function stableGroup(
  stage: Stage,
  group: string,
  labels: readonly string[],
  options: MemberOptions = {},
): Promise<Member[]> {
  const members = labels.map(
    (label) =>
      new Member(stage, group, label, {
        ...options,
        ...(options.instanceId == null ? {} : { instanceId: `${options.instanceId}-${label}` }),
      }),
  )
  const [leader] = members
  await leader!.join()
  const assignments = members.map((member, at) => [member, `for ${labels[at]}`] as const)
  if (members.length > 1) {
    await leader!.sync([[leader!, 'all']])
    const joining = []
    for (const member of members.slice(1)) joining.push(await member.beginJoin())
    joining.push(await leader!.beginJoin())
    await Promise.all(joining.map(({ joined }) => joined))
  }
  const syncing = members.slice(1).map((member) => member.beginSync())
  await stage.pause(60)
  await leader!.sync(assignments)
  await Promise.all(syncing.map(({ answer }) => answer))
  return members
}
