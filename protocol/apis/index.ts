/** All APIs that a Kafka 4.3 broker knows, declared once each. Which of them are served is the broker's list. */
import type { Api } from '../schema/api.ts'
import { ApiVersions } from './api-versions.ts'
import {
  AlterPartitionReassignments,
  AlterReplicaLogDirs,
  DescribeLogDirs,
  ElectLeaders,
  ListPartitionReassignments,
  UnregisterBroker,
  UpdateFeatures,
} from './cluster-admin.ts'
import { AlterConfigs, DescribeConfigs, IncrementalAlterConfigs, ListConfigResources } from './configs.ts'
import { ConsumerGroupDescribe, ConsumerGroupHeartbeat } from './consumer-groups.ts'
import {
  CreateDelegationToken,
  DescribeDelegationToken,
  ExpireDelegationToken,
  RenewDelegationToken,
} from './delegation-tokens.ts'
import { Fetch } from './fetch.ts'
import { FindCoordinator } from './find-coordinator.ts'
import { DeleteGroups, DescribeGroups, ListGroups } from './group-admin.ts'
import { Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from './group-membership.ts'
import { OffsetCommit, OffsetDelete, OffsetFetch } from './group-offsets.ts'
import { DeleteRecords, ListOffsets, OffsetForLeaderEpoch } from './list-offsets.ts'
import { DescribeCluster, DescribeTopicPartitions, Metadata } from './metadata.ts'
import { Produce } from './produce.ts'
import { DescribeProducers, InitProducerId } from './producers.ts'
import { AddRaftVoter, DescribeQuorum, RemoveRaftVoter } from './quorum.ts'
import { AlterClientQuotas, DescribeClientQuotas } from './quotas.ts'
import {
  AlterUserScramCredentials,
  CreateAcls,
  DeleteAcls,
  DescribeAcls,
  DescribeUserScramCredentials,
  SaslAuthenticate,
  SaslHandshake,
} from './security.ts'
import { AlterShareGroupOffsets, DeleteShareGroupOffsets, DescribeShareGroupOffsets } from './share-group-offsets.ts'
import { ShareAcknowledge, ShareFetch, ShareGroupDescribe, ShareGroupHeartbeat } from './share-groups.ts'
import {
  DeleteShareGroupState,
  InitializeShareGroupState,
  ReadShareGroupState,
  ReadShareGroupStateSummary,
  WriteShareGroupState,
} from './share-state.ts'
import { StreamsGroupDescribe, StreamsGroupHeartbeat } from './streams-groups.ts'
import { GetTelemetrySubscriptions, PushTelemetry } from './telemetry.ts'
import { CreatePartitions, CreateTopics, DeleteTopics } from './topics.ts'
import {
  AddOffsetsToTxn,
  AddPartitionsToTxn,
  DescribeTransactions,
  EndTxn,
  ListTransactions,
  TxnOffsetCommit,
  WriteTxnMarkers,
} from './transactions.ts'

export * from './api-versions.ts'
export * from './cluster-admin.ts'
export * from './configs.ts'
export * from './consumer-groups.ts'
export * from './delegation-tokens.ts'
export * from './fetch.ts'
export * from './find-coordinator.ts'
export * from './group-admin.ts'
export * from './group-membership.ts'
export * from './group-offsets.ts'
export * from './list-offsets.ts'
export * from './metadata.ts'
export * from './produce.ts'
export * from './producers.ts'
export * from './quorum.ts'
export * from './quotas.ts'
export * from './security.ts'
export * from './share-group-offsets.ts'
export * from './share-groups.ts'
export * from './share-state.ts'
export * from './streams-groups.ts'
export * from './telemetry.ts'
export * from './topics.ts'
export * from './transactions.ts'

/** Sorted by key. */
export const apis: readonly Api[] = [
  Produce,
  Fetch,
  ListOffsets,
  Metadata,
  OffsetCommit,
  OffsetFetch,
  FindCoordinator,
  JoinGroup,
  Heartbeat,
  LeaveGroup,
  SyncGroup,
  DescribeGroups,
  ListGroups,
  SaslHandshake,
  ApiVersions,
  CreateTopics,
  DeleteTopics,
  DeleteRecords,
  InitProducerId,
  OffsetForLeaderEpoch,
  AddPartitionsToTxn,
  AddOffsetsToTxn,
  EndTxn,
  WriteTxnMarkers,
  TxnOffsetCommit,
  DescribeAcls,
  CreateAcls,
  DeleteAcls,
  DescribeConfigs,
  AlterConfigs,
  AlterReplicaLogDirs,
  DescribeLogDirs,
  SaslAuthenticate,
  CreatePartitions,
  CreateDelegationToken,
  RenewDelegationToken,
  ExpireDelegationToken,
  DescribeDelegationToken,
  DeleteGroups,
  ElectLeaders,
  IncrementalAlterConfigs,
  AlterPartitionReassignments,
  ListPartitionReassignments,
  OffsetDelete,
  DescribeClientQuotas,
  AlterClientQuotas,
  DescribeUserScramCredentials,
  AlterUserScramCredentials,
  DescribeQuorum,
  UpdateFeatures,
  DescribeCluster,
  DescribeProducers,
  UnregisterBroker,
  DescribeTransactions,
  ListTransactions,
  ConsumerGroupHeartbeat,
  ConsumerGroupDescribe,
  GetTelemetrySubscriptions,
  PushTelemetry,
  ListConfigResources,
  DescribeTopicPartitions,
  ShareGroupHeartbeat,
  ShareGroupDescribe,
  ShareFetch,
  ShareAcknowledge,
  AddRaftVoter,
  RemoveRaftVoter,
  InitializeShareGroupState,
  ReadShareGroupState,
  WriteShareGroupState,
  DeleteShareGroupState,
  ReadShareGroupStateSummary,
  StreamsGroupHeartbeat,
  StreamsGroupDescribe,
  DescribeShareGroupOffsets,
  AlterShareGroupOffsets,
  DeleteShareGroupOffsets,
]

const byKey = new Map(apis.map((api) => [api.key, api]))

/** The API of a key, served or not; undefined for what a broker does not know (4 to 7, 52 to 54, ...). */
export function apiOf(key: number): Api | undefined {
  return byKey.get(key)
}
