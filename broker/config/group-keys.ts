import { bool, choice, int, type Key, string } from './key.ts'
import type { ConfigName } from './keys.ts'

/** A key of a group: the key itself, the broker key that it falls back to, and broker keys that bound it. */
export interface GroupKey {
  readonly key: Key<unknown>
  readonly synonym?: ConfigName
  readonly atLeast?: ConfigName
  readonly atMost?: ConfigName
}

const unused = 'the newer group protocols are not served yet'
const doc = `No effect: ${unused}.`
const number = (value: number, min: number) => int({ default: value, min, unused, doc })

/**
 * Configs of groups (KIP-848, KIP-932, KIP-1071), which may be set before the group exists (FS-4). They are kept and
 * shown; the classic protocol has none of its own.
 */
const groupKeys: Readonly<Record<string, GroupKey>> = {
  'consumer.assignment.interval.ms': {
    key: number(1000, 0),
    synonym: 'group.consumer.assignment.interval.ms',
    atLeast: 'group.consumer.min.assignment.interval.ms',
    atMost: 'group.consumer.max.assignment.interval.ms',
  },
  'consumer.heartbeat.interval.ms': {
    key: number(5000, 1),
    synonym: 'group.consumer.heartbeat.interval.ms',
    atLeast: 'group.consumer.min.heartbeat.interval.ms',
    atMost: 'group.consumer.max.heartbeat.interval.ms',
  },
  'consumer.session.timeout.ms': {
    key: number(45_000, 1),
    synonym: 'group.consumer.session.timeout.ms',
    atLeast: 'group.consumer.min.session.timeout.ms',
    atMost: 'group.consumer.max.session.timeout.ms',
  },
  'share.assignment.interval.ms': {
    key: number(1000, 0),
    synonym: 'group.share.assignment.interval.ms',
    atLeast: 'group.share.min.assignment.interval.ms',
    atMost: 'group.share.max.assignment.interval.ms',
  },
  'share.auto.offset.reset': { key: string({ default: 'latest', check: offsetReset, unused, doc }) },
  'share.delivery.count.limit': {
    key: number(5, 2),
    synonym: 'group.share.delivery.count.limit',
    atLeast: 'group.share.min.delivery.count.limit',
    atMost: 'group.share.max.delivery.count.limit',
  },
  'share.heartbeat.interval.ms': {
    key: number(5000, 1),
    synonym: 'group.share.heartbeat.interval.ms',
    atLeast: 'group.share.min.heartbeat.interval.ms',
    atMost: 'group.share.max.heartbeat.interval.ms',
  },
  'share.isolation.level': {
    key: choice(['read_committed', 'read_uncommitted'], { default: 'read_uncommitted', unused, doc }),
  },
  'share.partition.max.record.locks': {
    key: number(2000, 100),
    synonym: 'group.share.partition.max.record.locks',
    atLeast: 'group.share.min.partition.max.record.locks',
    atMost: 'group.share.max.partition.max.record.locks',
  },
  'share.record.lock.duration.ms': {
    key: number(30_000, 1000),
    synonym: 'group.share.record.lock.duration.ms',
    atLeast: 'group.share.min.record.lock.duration.ms',
    atMost: 'group.share.max.record.lock.duration.ms',
  },
  'share.renew.acknowledge.enable': { key: bool({ default: true, unused, doc }) },
  'share.session.timeout.ms': {
    key: number(45_000, 1),
    synonym: 'group.share.session.timeout.ms',
    atLeast: 'group.share.min.session.timeout.ms',
    atMost: 'group.share.max.session.timeout.ms',
  },
  'streams.assignment.interval.ms': {
    key: number(1000, 0),
    synonym: 'group.streams.assignment.interval.ms',
    atLeast: 'group.streams.min.assignment.interval.ms',
    atMost: 'group.streams.max.assignment.interval.ms',
  },
  'streams.heartbeat.interval.ms': {
    key: number(5000, 1),
    synonym: 'group.streams.heartbeat.interval.ms',
    atLeast: 'group.streams.min.heartbeat.interval.ms',
    atMost: 'group.streams.max.heartbeat.interval.ms',
  },
  'streams.initial.rebalance.delay.ms': {
    key: number(3000, 0),
    synonym: 'group.streams.initial.rebalance.delay.ms',
  },
  'streams.num.standby.replicas': {
    key: number(0, 0),
    synonym: 'group.streams.num.standby.replicas',
    atMost: 'group.streams.max.standby.replicas',
  },
  'streams.session.timeout.ms': {
    key: number(45_000, 1),
    synonym: 'group.streams.session.timeout.ms',
    atLeast: 'group.streams.min.session.timeout.ms',
    atMost: 'group.streams.max.session.timeout.ms',
  },
}

const table: ReadonlyMap<string, GroupKey> = new Map(Object.entries(groupKeys))

/** The row of a group key; undefined for a name that is none. */
export const groupKeyOf = (name: string): GroupKey | undefined => table.get(name)

/** All group keys in the order of the table, which is the alphabet's. */
export const allGroupKeys = (): Iterable<[string, GroupKey]> => table.entries()

function offsetReset(value: string): string | undefined {
  return value === 'latest' || value === 'earliest' || /^by_duration:P\d{0,9}/.test(value)
    ? undefined
    : 'String must be one of: latest, earliest, by_duration:PnDTnHnMn.nS'
}
