/**
 * Kafka's error table: what a client may be told. Codes, names and "retriable" are Kafka 4.3's; the texts are ours and
 * are sent in `errorMessage` fields when a handler has nothing more exact to say.
 * A row is [code, clients retry by themselves, text].
 */
const table = {
  UNKNOWN_SERVER_ERROR: [-1, false, 'The broker met an error that it did not expect.'],
  NONE: [0, false, ''],
  OFFSET_OUT_OF_RANGE: [1, false, 'The offset lies outside the range that this partition holds.'],
  CORRUPT_MESSAGE: [
    2,
    true,
    'The records are damaged: wrong checksum, wrong size, or a key is missing in a compacted topic.',
  ],
  UNKNOWN_TOPIC_OR_PARTITION: [3, true, 'This broker does not host this topic-partition.'],
  INVALID_FETCH_SIZE: [4, false, 'The requested fetch size is invalid.'],
  LEADER_NOT_AVAILABLE: [5, true, 'The partition has no leader at the moment.'],
  NOT_LEADER_OR_FOLLOWER: [6, true, 'This broker is neither the leader nor a replica of the partition.'],
  REQUEST_TIMED_OUT: [7, true, 'The request took longer than its timeout.'],
  BROKER_NOT_AVAILABLE: [8, false, 'The broker is not available.'],
  REPLICA_NOT_AVAILABLE: [9, true, 'The replica is not available for this topic-partition.'],
  MESSAGE_TOO_LARGE: [10, false, 'The batch is larger than the topic accepts (max.message.bytes).'],
  STALE_CONTROLLER_EPOCH: [11, false, 'The controller epoch is older than one seen before.'],
  OFFSET_METADATA_TOO_LARGE: [12, false, 'The metadata of the committed offset is too large.'],
  NETWORK_EXCEPTION: [13, true, 'The connection was lost before the response came.'],
  COORDINATOR_LOAD_IN_PROGRESS: [14, true, 'The coordinator is still loading its state.'],
  COORDINATOR_NOT_AVAILABLE: [15, true, 'The coordinator is not available.'],
  NOT_COORDINATOR: [16, true, 'This broker is not the coordinator of this group or transactional id.'],
  INVALID_TOPIC_EXCEPTION: [17, false, 'The topic name or the operation on this topic is not allowed.'],
  RECORD_LIST_TOO_LARGE: [18, false, 'The request holds more records than a segment can take.'],
  NOT_ENOUGH_REPLICAS: [19, true, 'Fewer replicas are in sync than min.insync.replicas asks for.'],
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: [
    20,
    true,
    'The records were written, but to fewer in-sync replicas than required.',
  ],
  INVALID_REQUIRED_ACKS: [21, false, 'acks must be -1, 0 or 1.'],
  ILLEGAL_GENERATION: [22, false, 'The generation is not the current one of the group.'],
  INCONSISTENT_GROUP_PROTOCOL: [23, false, 'The member shares no protocol with the other members of the group.'],
  INVALID_GROUP_ID: [24, false, 'The group id is invalid.'],
  UNKNOWN_MEMBER_ID: [25, false, 'The group does not know this member.'],
  INVALID_SESSION_TIMEOUT: [26, false, 'The session timeout is outside the range that the broker allows.'],
  REBALANCE_IN_PROGRESS: [27, false, 'The group is rebalancing; join again.'],
  INVALID_COMMIT_OFFSET_SIZE: [28, false, 'The offset cannot be stored: its record would be too large.'],
  TOPIC_AUTHORIZATION_FAILED: [29, false, 'Not authorised for this topic.'],
  GROUP_AUTHORIZATION_FAILED: [30, false, 'Not authorised for this group.'],
  CLUSTER_AUTHORIZATION_FAILED: [31, false, 'Not authorised for this operation on the cluster.'],
  INVALID_TIMESTAMP: [32, false, 'A timestamp is outside the range that the topic accepts.'],
  UNSUPPORTED_SASL_MECHANISM: [33, false, 'The broker does not offer this SASL mechanism.'],
  ILLEGAL_SASL_STATE: [34, false, 'The request is not allowed in the current state of the authentication.'],
  UNSUPPORTED_VERSION: [35, false, 'The broker does not support this version of the request.'],
  TOPIC_ALREADY_EXISTS: [36, false, 'A topic of this name exists.'],
  INVALID_PARTITIONS: [37, false, 'The number of partitions is invalid.'],
  INVALID_REPLICATION_FACTOR: [38, false, 'The replication factor is not positive or exceeds the number of brokers.'],
  INVALID_REPLICA_ASSIGNMENT: [39, false, 'The replica assignment is invalid.'],
  INVALID_CONFIG: [40, false, 'A configuration value is invalid.'],
  NOT_CONTROLLER: [41, true, 'This broker is not the controller.'],
  INVALID_REQUEST: [42, false, 'The request contradicts itself or breaks a rule of the protocol.'],
  UNSUPPORTED_FOR_MESSAGE_FORMAT: [43, false, 'The record format of the topic cannot do this.'],
  POLICY_VIOLATION: [44, false, 'A policy of the broker forbids this request.'],
  OUT_OF_ORDER_SEQUENCE_NUMBER: [45, false, 'The sequence number does not follow the last one of this producer.'],
  DUPLICATE_SEQUENCE_NUMBER: [46, false, 'The sequence number was already used by this producer.'],
  INVALID_PRODUCER_EPOCH: [47, false, 'The producer uses an old epoch.'],
  INVALID_TXN_STATE: [48, false, 'The transaction is in a state in which this is not allowed.'],
  INVALID_PRODUCER_ID_MAPPING: [49, false, 'The producer id does not belong to this transactional id.'],
  INVALID_TRANSACTION_TIMEOUT: [50, false, 'The transaction timeout exceeds transaction.max.timeout.ms.'],
  CONCURRENT_TRANSACTIONS: [51, true, 'Another operation of this transactional id is not finished.'],
  TRANSACTION_COORDINATOR_FENCED: [52, false, 'The transaction coordinator that sent this is no longer in charge.'],
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: [53, false, 'Not authorised for this transactional id.'],
  SECURITY_DISABLED: [54, false, 'No authorizer is configured.'],
  OPERATION_NOT_ATTEMPTED: [55, false, 'Not attempted, since another part of the request failed.'],
  KAFKA_STORAGE_ERROR: [56, true, 'The log directory of this partition failed.'],
  LOG_DIR_NOT_FOUND: [57, false, 'The broker has no such log directory.'],
  SASL_AUTHENTICATION_FAILED: [58, false, 'Authentication failed.'],
  UNKNOWN_PRODUCER_ID: [59, false, 'The partition holds no state of this producer id any more.'],
  REASSIGNMENT_IN_PROGRESS: [60, false, 'The partition is being reassigned.'],
  DELEGATION_TOKEN_AUTH_DISABLED: [61, false, 'Delegation tokens are not enabled.'],
  DELEGATION_TOKEN_NOT_FOUND: [62, false, 'The broker does not know this delegation token.'],
  DELEGATION_TOKEN_OWNER_MISMATCH: [63, false, 'Neither owner nor renewer of this delegation token.'],
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: [64, false, 'Delegation tokens cannot be asked for over this connection.'],
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: [65, false, 'Not authorised for this delegation token.'],
  DELEGATION_TOKEN_EXPIRED: [66, false, 'The delegation token has expired.'],
  INVALID_PRINCIPAL_TYPE: [67, false, 'The broker does not know this type of principal.'],
  NON_EMPTY_GROUP: [68, false, 'The group has members.'],
  GROUP_ID_NOT_FOUND: [69, false, 'There is no such group.'],
  FETCH_SESSION_ID_NOT_FOUND: [70, true, 'There is no such fetch session.'],
  INVALID_FETCH_SESSION_EPOCH: [71, true, 'The epoch of the fetch session is not the expected one.'],
  LISTENER_NOT_FOUND: [72, true, 'The leader has no listener of the name that this request came in by.'],
  TOPIC_DELETION_DISABLED: [73, false, 'Deleting topics is disabled (delete.topic.enable).'],
  FENCED_LEADER_EPOCH: [74, true, 'The leader epoch is older than that of the partition.'],
  UNKNOWN_LEADER_EPOCH: [75, true, 'The leader epoch is newer than that of the partition.'],
  UNSUPPORTED_COMPRESSION_TYPE: [76, false, 'This compression cannot be used with this version of the request.'],
  STALE_BROKER_EPOCH: [77, false, 'The broker epoch is not the current one.'],
  OFFSET_NOT_AVAILABLE: [78, true, 'The new leader does not know the high watermark yet.'],
  MEMBER_ID_REQUIRED: [79, false, 'Join again with the member id of this response.'],
  PREFERRED_LEADER_NOT_AVAILABLE: [80, true, 'The preferred leader is not available.'],
  GROUP_MAX_SIZE_REACHED: [81, false, 'The group has as many members as it may have (group.max.size).'],
  FENCED_INSTANCE_ID: [82, false, 'Another member with this group.instance.id took its place.'],
  ELIGIBLE_LEADERS_NOT_AVAILABLE: [83, true, 'No replica that may lead is available.'],
  ELECTION_NOT_NEEDED: [84, true, 'The partition has the leader that it should have.'],
  NO_REASSIGNMENT_IN_PROGRESS: [85, false, 'The partition is not being reassigned.'],
  GROUP_SUBSCRIBED_TO_TOPIC: [86, false, 'The group is subscribed to this topic, so its offsets cannot be deleted.'],
  INVALID_RECORD: [87, false, 'A record breaks the rules of the record format or of this topic.'],
  UNSTABLE_OFFSET_COMMIT: [88, true, 'Offsets committed in a transaction are not decided yet.'],
  THROTTLING_QUOTA_EXCEEDED: [89, true, 'The quota of such operations is used up for now.'],
  PRODUCER_FENCED: [90, false, 'A newer producer with this transactional id took its place.'],
  RESOURCE_NOT_FOUND: [91, false, 'There is no such resource.'],
  DUPLICATE_RESOURCE: [92, false, 'The same resource is named more than once.'],
  UNACCEPTABLE_CREDENTIAL: [93, false, 'The credential does not meet the requirements.'],
  INCONSISTENT_VOTER_SET: [94, false, 'Sender and receiver have different sets of voters.'],
  INVALID_UPDATE_VERSION: [95, false, 'The version of the partition state is not the expected one.'],
  FEATURE_UPDATE_FAILED: [96, false, 'The features cannot be set to these levels.'],
  PRINCIPAL_DESERIALIZATION_FAILURE: [97, false, 'The principal of the forwarded request cannot be read.'],
  SNAPSHOT_NOT_FOUND: [98, false, 'There is no such snapshot.'],
  POSITION_OUT_OF_RANGE: [99, false, 'The position lies outside the snapshot.'],
  UNKNOWN_TOPIC_ID: [100, true, 'This broker does not know this topic id.'],
  DUPLICATE_BROKER_REGISTRATION: [101, false, 'A broker with this id is registered.'],
  BROKER_ID_NOT_REGISTERED: [102, false, 'No broker with this id is registered.'],
  INCONSISTENT_TOPIC_ID: [103, true, 'The topic of this name has another id.'],
  INCONSISTENT_CLUSTER_ID: [104, false, 'The request is meant for another cluster.'],
  TRANSACTIONAL_ID_NOT_FOUND: [105, false, 'There is no such transactional id.'],
  FETCH_SESSION_TOPIC_ID_ERROR: [106, true, 'The fetch session mixes topic names and topic ids.'],
  INELIGIBLE_REPLICA: [107, false, 'A replica of the new in-sync set may not be part of it.'],
  NEW_LEADER_ELECTED: [108, false, 'The change was made, and it gave the partition another leader.'],
  OFFSET_MOVED_TO_TIERED_STORAGE: [109, false, 'The offset lies in tiered storage.'],
  FENCED_MEMBER_EPOCH: [110, false, 'The member epoch is not the current one; join again.'],
  UNRELEASED_INSTANCE_ID: [111, false, 'Another member of the group still uses this instance id.'],
  UNSUPPORTED_ASSIGNOR: [112, false, 'The group cannot use this assignor.'],
  STALE_MEMBER_EPOCH: [113, false, 'The member epoch is stale; learn the new one by a heartbeat.'],
  MISMATCHED_ENDPOINT_TYPE: [114, false, 'The request came to an endpoint of the wrong type.'],
  UNSUPPORTED_ENDPOINT_TYPE: [115, false, 'The broker does not know this type of endpoint.'],
  UNKNOWN_CONTROLLER_ID: [116, false, 'There is no controller with this id.'],
  UNKNOWN_SUBSCRIPTION_ID: [117, false, 'The telemetry subscription has changed; ask for the new one.'],
  TELEMETRY_TOO_LARGE: [118, false, 'The pushed metrics are larger than the broker accepts.'],
  INVALID_REGISTRATION: [119, false, 'The controller refuses this registration.'],
  TRANSACTION_ABORTABLE: [120, false, 'The transaction cannot be committed any more; abort it.'],
  INVALID_RECORD_STATE: [121, false, 'The record is in a state in which it cannot be acknowledged so.'],
  SHARE_SESSION_NOT_FOUND: [122, true, 'There is no such share session.'],
  INVALID_SHARE_SESSION_EPOCH: [123, true, 'The epoch of the share session is not the expected one.'],
  FENCED_STATE_EPOCH: [124, false, 'The share coordinator has a newer state epoch.'],
  INVALID_VOTER_KEY: [125, false, 'The voter key is not that of the receiver.'],
  DUPLICATE_VOTER: [126, false, 'The voter is part of the set of voters.'],
  VOTER_NOT_FOUND: [127, false, 'The voter is not part of the set of voters.'],
  INVALID_REGULAR_EXPRESSION: [128, false, 'The regular expression is invalid.'],
  REBOOTSTRAP_REQUIRED: [129, false, 'The client must begin again at its bootstrap servers.'],
  STREAMS_INVALID_TOPOLOGY: [130, false, 'The topology of the streams application is invalid.'],
  STREAMS_INVALID_TOPOLOGY_EPOCH: [131, false, 'The epoch of the topology is invalid.'],
  STREAMS_TOPOLOGY_FENCED: [132, false, 'The epoch of the topology is older than that of the group.'],
  SHARE_SESSION_LIMIT_REACHED: [133, true, 'The broker holds as many share sessions as it may hold.'],
} as const satisfies Record<string, readonly [code: number, retriable: boolean, message: string]>

/** Name of a Kafka error, 'NONE' for success. */
export type ErrorName = keyof typeof table

/** All names, in the order of their codes. */
export const errorNames = Object.keys(table) as readonly ErrorName[]

const nameByCode = new Map<number, ErrorName>(errorNames.map((name) => [table[name][0], name]))

/** The int16 that stands for the error on the wire. */
export function errorCode(name: ErrorName): number {
  return table[name][0]
}

/** Name of a code; a code that Kafka 4.3 does not have reads as UNKNOWN_SERVER_ERROR, as in its clients. */
export function errorName(code: number): ErrorName {
  return nameByCode.get(code) ?? 'UNKNOWN_SERVER_ERROR'
}

/** A sentence for people, without the error's name. Empty for NONE. */
export function errorMessage(name: ErrorName): string {
  return table[name][2]
}

/** What a client sent is quoted in messages, and may be as long as a string can be: with our words it would be longer. */
const MAX_MESSAGE_CHARACTERS = 4_096

/** A message that quotes what a client sent, cut to a length that every version of an answer can say. */
export function cutMessage(message: string): string {
  return message.length > MAX_MESSAGE_CHARACTERS ? `${message.slice(0, MAX_MESSAGE_CHARACTERS)}…` : message
}

/** Whether clients repeat the request by themselves, after refreshing their metadata if need be. */
export function isRetriable(name: ErrorName): boolean {
  return table[name][1]
}
