import type { Dice } from './dice.ts'
import type { Facts, Membership } from './facts.ts'
import { someRecords } from './records.ts'

export const TOPICS = ['fuzz-0', 'fuzz-1', 'fuzz-2', 'fuzz-compacted'] as const
const GROUPS = ['fuzz-group-0', 'fuzz-group-1', 'fuzz-group-2'] as const
const CONFIGS = ['cleanup.policy', 'retention.ms', 'max.message.bytes', 'compression.type', 'no.such.key'] as const
const CONFIG_VALUES = ['compact', 'delete', '-1', '60000', '1000000', 'gzip', 'producer', '', 'nonsense'] as const
const ODD_STRINGS = [
  '',
  '.',
  '..',
  '../../x',
  'a/b',
  '__proto__',
  'constructor',
  'x'.repeat(250),
  'y'.repeat(32_767),
  'é€😀',
  '\0',
  '\u001b[31m\n',
]

/** The values of one request that belong together, and how likely it is that another takes the place of one. */
export class Values {
  readonly #dice: Dice
  readonly #facts: Facts
  readonly #oddPercent: number
  readonly membership: Membership
  readonly #session: { readonly id: number; epoch: number }

  /** @param oddPercent how often a value is one that nobody would send */
  constructor(dice: Dice, facts: Facts, oddPercent: number) {
    this.#dice = dice
    this.#facts = facts
    this.#oddPercent = oddPercent
    this.membership = facts.memberships.pick(dice)
    this.#session = facts.sessions.pick(dice)
  }

  /** How many elements an array shall have. */
  count(name: string): number {
    const dice = this.#dice
    if (name === 'replicas' || name === 'assignments' || name === 'brokerIds') return dice.chance(90) ? 0 : 1
    return dice.chance(95) ? dice.pick([1, 1, 1, 1, 0, 2, 3]) : dice.between(0, 40)
  }

  /** Whether what may be null is null. */
  isNull(name: string): boolean {
    const likely = name === 'transactionalId' || name === 'groupInstanceId' || name === 'assignments'
    return this.#dice.chance(likely ? 80 : 10)
  }

  string(name: string, api: string): string {
    const dice = this.#dice
    if (dice.chance(this.#oddPercent)) return dice.pick(ODD_STRINGS)
    switch (name) {
      case 'groupId':
        return this.membership.groupId
      case 'groups':
      case 'groupsNames':
      case 'key':
      case 'coordinatorKeys':
        return dice.pick(GROUPS)
      case 'memberId':
        return dice.chance(70) ? this.membership.memberId : ''
      case 'groupInstanceId':
        return dice.pick(['static-0', 'static-1'])
      case 'protocolType':
        return 'consumer'
      case 'protocolName':
        return 'range'
      case 'resourceName':
        return dice.pick([...TOPICS, '1', ''])
      case 'value':
        return dice.pick(CONFIG_VALUES)
      case 'name':
        if (api === 'JoinGroup') return dice.pick(['range', 'range', 'roundrobin'])
        if (api.endsWith('Configs')) return dice.pick(CONFIGS)
        return dice.chance(api === 'CreateTopics' && dice.chance(50) ? 0 : 97)
          ? dice.pick(TOPICS)
          : `new-${dice.below(20)}`
      case 'clientSoftwareName':
      case 'clientSoftwareVersion':
        return 'fuzz-1.0'
      case 'rackId':
        return ''
      default:
        return dice.pick(TOPICS)
    }
  }

  bytes(): Buffer {
    const dice = this.#dice
    return dice.bytes(dice.chance(95) ? dice.below(30) : dice.below(3_000))
  }

  records(): Buffer {
    return someRecords(this.#dice, this.#facts)
  }

  uuid(): string {
    return this.#facts.topicIds.pick(this.#dice)
  }

  /** @param limit the largest of its kind; the smallest is the next one below its negative */
  number(name: string, limit: number): number {
    const dice = this.#dice
    if (dice.chance(this.#oddPercent)) return dice.pick([0, -1, 1, -2, limit, -limit - 1, limit - 1, dice.below(1_000)])
    return Math.min(limit, this.#usual(name))
  }

  #usual(name: string): number {
    const dice = this.#dice
    switch (name) {
      case 'acks':
        return dice.pick([-1, -1, 1, 0])
      case 'timeoutMs':
      case 'timeout':
        return dice.below(100)
      case 'maxWaitMs':
        return dice.below(30)
      case 'minBytes':
        return dice.below(2)
      case 'maxBytes':
      case 'partitionMaxBytes':
        return dice.pick([1_000_000, 1_000_000, 100, 0])
      case 'replicaId':
      case 'currentLeaderEpoch':
      case 'lastFetchedEpoch':
      case 'committedLeaderEpoch':
      case 'logStartOffset':
      case 'retentionTimeMs':
        return -1
      case 'sessionId':
        return this.#session.id
      case 'sessionEpoch':
        return this.#session.epoch < 0 ? dice.pick([-1, 0, 0]) : this.#session.epoch++
      case 'generationId':
      case 'generationIdOrMemberEpoch':
        return this.membership.generationId
      case 'sessionTimeoutMs':
        return dice.between(100, 2_000)
      case 'rebalanceTimeoutMs':
        return dice.between(20, 200)
      case 'numPartitions':
        return dice.pick([1, 2, -1])
      case 'replicationFactor':
        return dice.pick([1, -1])
      case 'count':
        return dice.between(1, 5)
      case 'keyType':
        return 0
      case 'resourceType':
        return dice.pick([2, 2, 4, 8, 32])
      case 'timestamp':
        return dice.pick([-1, -2, -3, -4, -5, 0, Date.now() - dice.below(10_000)])
      case 'producerId':
        return dice.chance(70) ? -1 : this.#facts.producers.pick(dice).id
      case 'producerEpoch':
        return dice.chance(70) ? -1 : this.#facts.producers.pick(dice).epoch
      case 'fetchOffset':
      case 'offset':
      case 'committedOffset':
        return dice.chance(70) ? dice.below(20) : dice.below(5_000)
      default:
        return dice.chance(90) ? dice.below(3) : dice.below(100)
    }
  }
}
