import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { LogHost } from './log-host.ts'
import type { ProducerState } from './producer-state.ts'
import type { Segments } from './segments.ts'

/** A log as it was opened or created: what `Log` is made of. */
export interface LogParts {
  readonly host: LogHost
  /** Name of the folder, `<topic>-<partition>`. */
  readonly folder: string
  /** The folder's whole path. */
  readonly path: string
  /** Undefined for a folder without `partition.metadata`. */
  readonly topicId: string | undefined
  readonly config: LogConfig
  readonly segments: Segments
  readonly producers: ProducerState
  readonly epochs: LeaderEpochs
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly recoveryPoint: number
}
