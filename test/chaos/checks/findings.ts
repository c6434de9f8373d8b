/** Each is a promise that the broker broke. RELIABILITY of a log is that there is none of these, ever. */
export const anomalyKinds = {
  lost: 'an acknowledged record is not there any more',
  vanished: 'a record that a consumer was given is not there any more',
  duplicate: 'a value that was to be written once is at two offsets',
  'never sent': 'a record that nobody sent, or that was sent to another partition',
  'refused yet there': 'a record of a send that was refused for good',
  'two values': 'one offset of one partition had different values',
  reordered: 'what one producer sent later lies before what it sent earlier',
  'torn batch': 'a part of a batch is there, the rest is not, or lies elsewhere',
  'sequence refused': 'the broker does not remember what an idempotent producer has written',
  'producer id reused': 'two producers were given the same id',
  'acknowledged, invisible': 'after acks=all the high watermark is still below the record',
  skip: 'a consumer was not given a record that lies before the next one that it was given',
  'went back': 'a consumer was given a record again without having asked for it',
  'beyond the watermark': 'a consumer was given a record at or above the high watermark',
  'position lost': 'a position at which a consumer was good became unreadable',
  'watermark went back': 'the high watermark fell',
  'log start went back': 'the log start fell though records were deleted',
  'log start ran ahead': 'records are gone that nobody deleted',
  unread: 'the last phase did not get all records up to the high watermark',
  'commit went back': 'a group is told an older offset than one that was committed',
  'commit nobody made': 'a group is told an offset that nobody committed',
  'two owners': 'a partition belongs to two members in one generation',
} as const

export type AnomalyKind = keyof typeof anomalyKinds

export interface Anomaly {
  readonly kind: AnomalyKind
  readonly message: string
}

/** Anomalies by kind: the number of each, and the first few in words. */
export class Findings {
  readonly counts = new Map<AnomalyKind, number>()
  readonly examples: Anomaly[] = []

  add(kind: AnomalyKind, message: string): void {
    const count = (this.counts.get(kind) ?? 0) + 1
    this.counts.set(kind, count)
    if (count <= EXAMPLES_PER_KIND) this.examples.push({ kind, message })
  }

  get total(): number {
    let sum = 0
    for (const count of this.counts.values()) sum += count
    return sum
  }
}

const EXAMPLES_PER_KIND = 5
