import type { Protocol } from './commands.ts'
import type { StoredMember } from './events.ts'

/** One member of a classic group: what a record can bring back. Who waits for what is in classic-waits.ts. */
export interface Member {
  readonly memberId: string
  /** `group.instance.id` of a static member, else `null`. */
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** In the member's order of preference; after a reload only the chosen one is known, as in Kafka. */
  protocols: readonly Protocol[]
  rebalanceTimeoutMs: number
  sessionTimeoutMs: number
  /** Empty until the leader has assigned something. */
  assignment: Buffer
}

export const noBytes = Buffer.alloc(0)

/** The member's metadata under a protocol, undefined if it does not speak it. */
export const metadataOf = (member: Member, protocol: string): Buffer | undefined =>
  member.protocols.find(({ name }) => name === protocol)?.metadata

/** True if the member lists the same protocols with the same metadata in the same order: nothing to rebalance for. */
export const sameProtocols = (a: readonly Protocol[], b: readonly Protocol[]): boolean =>
  a.length === b.length && a.every(({ name, metadata }, at) => b[at]?.name === name && b[at].metadata.equals(metadata))

export const storedMember = (member: Member, protocol: string, assignment: Buffer): StoredMember => ({
  memberId: member.memberId,
  instanceId: member.instanceId,
  clientId: member.clientId,
  clientHost: member.clientHost,
  rebalanceTimeoutMs: member.rebalanceTimeoutMs,
  sessionTimeoutMs: member.sessionTimeoutMs,
  subscription: metadataOf(member, protocol) ?? noBytes,
  assignment,
})

export const restoredMember = (stored: StoredMember, protocol: string): Member => ({
  memberId: stored.memberId,
  instanceId: stored.instanceId,
  clientId: stored.clientId,
  clientHost: stored.clientHost,
  protocols: [{ name: protocol, metadata: stored.subscription }],
  // Records from before Kafka 0.10.1 have no rebalance timeout.
  rebalanceTimeoutMs: stored.rebalanceTimeoutMs === -1 ? stored.sessionTimeoutMs : stored.rebalanceTimeoutMs,
  sessionTimeoutMs: stored.sessionTimeoutMs,
  assignment: stored.assignment,
})
