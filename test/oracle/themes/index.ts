import type { Theme } from '../scenario.ts'
import { batches } from './batches.ts'
import { clusterAdmin } from './cluster-admin.ts'
import { configs } from './configs.ts'
import { connection } from './connection.ts'
import { fetching } from './fetch.ts'
import { groupAdmin } from './group-admin.ts'
import { groupOffsets } from './group-offsets.ts'
import { groupStories } from './group-stories.ts'
import { groups } from './groups.ts'
import { metadata } from './metadata.ts'
import { offsets } from './offsets.ts'
import { produce } from './produce.ts'
import { producers } from './producers.ts'
import { topics } from './topics.ts'

/** Everything that is compared; in this order it runs and is told. */
export const themes: readonly Theme[] = [
  connection,
  metadata,
  topics,
  configs,
  produce,
  batches,
  producers,
  fetching,
  offsets,
  groups,
  groupStories,
  groupOffsets,
  groupAdmin,
  clusterAdmin,
]
