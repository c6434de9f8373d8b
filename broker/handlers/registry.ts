import { apiVersions } from './api-versions.ts'
import {
  alterPartitionReassignments,
  describeCluster,
  describeLogDirs,
  electLeaders,
  listPartitionReassignments,
} from './cluster-admin.ts'
import { alterConfigs, describeConfigs, incrementalAlterConfigs } from './configs.ts'
import { fetch } from './fetch.ts'
import { findCoordinator } from './find-coordinator.ts'
import { deleteGroups, describeGroups, listGroups } from './group-admin.ts'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from './group-membership.ts'
import { offsetCommit, offsetDelete, offsetFetch } from './group-offsets.ts'
import type { AnyHandler } from './handler.ts'
import { deleteRecords, listOffsets, offsetForLeaderEpoch } from './list-offsets.ts'
import { describeTopicPartitions, metadata } from './metadata.ts'
import { produce } from './produce.ts'
import { describeProducers, initProducerId } from './producers.ts'
import { createPartitions, createTopics, deleteTopics } from './topics.ts'

/**
 * The one list of what is served, by key: what is not in it is not advertised, what is advertised is served (AV-9).
 * The dispatcher, ApiVersions and the API table of the README read it.
 */
export const handlers: readonly AnyHandler[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  apiVersions(() => handlers.map(({ api }) => api)),
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  describeConfigs,
  alterConfigs,
  describeLogDirs(({ partitions }) => partitions.directories),
  createPartitions,
  deleteGroups,
  electLeaders,
  incrementalAlterConfigs,
  alterPartitionReassignments,
  listPartitionReassignments,
  offsetDelete,
  describeCluster,
  describeProducers,
  describeTopicPartitions,
]
