import type { Theme } from '../scenario.ts'
import { clusterAdmin } from './cluster-admin.ts'
import { configs } from './configs.ts'
import { fetching } from './fetch.ts'
import { groupOffsets } from './group-offsets.ts'
import { groups } from './groups.ts'
import { metadata } from './metadata.ts'
import { offsets } from './offsets.ts'
import { produce } from './produce.ts'
import { topics } from './topics.ts'

export const themes: readonly Theme[] = [
  topics,
  metadata,
  produce,
  fetching,
  offsets,
  clusterAdmin,
  configs,
  groups,
  groupOffsets,
]
