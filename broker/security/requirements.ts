import type { ErrorName } from '../../protocol/errors.ts'

/** Kinds of things that operations are allowed on, by the names of Kafka's ACLs. */
export type ResourceType = 'topic' | 'group' | 'cluster' | 'transactionalId'

export type Operation =
  | 'READ'
  | 'WRITE'
  | 'CREATE'
  | 'DELETE'
  | 'ALTER'
  | 'DESCRIBE'
  | 'CLUSTER_ACTION'
  | 'DESCRIBE_CONFIGS'
  | 'ALTER_CONFIGS'
  | 'IDEMPOTENT_WRITE'

/** One row of the authorisation table: what a handler needs, and how it refuses who does not have it. */
export interface Requirement {
  readonly resource: ResourceType
  readonly operation: Operation
  readonly refusal: ErrorName
}

/** Who a connection is. Until security is configured everybody is ANONYMOUS. */
export interface Principal {
  readonly type: 'User'
  readonly name: string
}

export const anonymous: Principal = { type: 'User', name: 'ANONYMOUS' }

/** The only name of the cluster as a resource. */
export const CLUSTER_NAME = 'kafka-cluster'

export interface Authorizer {
  /** Whether `principal` may do this to the resource of that name. */
  allows(principal: Principal, operation: Operation, resource: ResourceType, name: string): boolean
}

/** What a broker without an authorizer does. */
export const allowAll: Authorizer = { allows: () => true }

const refusals: Readonly<Record<ResourceType, ErrorName>> = {
  topic: 'TOPIC_AUTHORIZATION_FAILED',
  group: 'GROUP_AUTHORIZATION_FAILED',
  cluster: 'CLUSTER_AUTHORIZATION_FAILED',
  transactionalId: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
}

/** A row with the refusal that Kafka gives for this kind of resource: `needs('topic', 'READ')`. */
export const needs = (resource: ResourceType, operation: Operation): Requirement => ({
  resource,
  operation,
  refusal: refusals[resource],
})

/** Codes of operations, as the bits of the authorized-operations fields count them. */
const operationCodes: Readonly<Record<Operation, number>> = {
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
}

const operationsOn: Readonly<Record<ResourceType, readonly Operation[]>> = {
  topic: ['READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  group: ['READ', 'DELETE', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'],
  cluster: ['CREATE', 'ALTER', 'DESCRIBE', 'CLUSTER_ACTION', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS', 'IDEMPOTENT_WRITE'],
  transactionalId: ['WRITE', 'DESCRIBE'],
}

/** What an authorized-operations field says when it was not asked for (MD-16). */
export const OPERATIONS_NOT_ASKED = -(2 ** 31)

/** The operations that `principal` may do to a resource, as the bit field of Metadata, DescribeCluster, DescribeGroups. */
export function authorizedOperations(
  authorizer: Authorizer,
  principal: Principal,
  resource: ResourceType,
  name: string,
): number {
  let bits = 0
  for (const operation of operationsOn[resource]) {
    if (authorizer.allows(principal, operation, resource, name)) bits |= 1 << operationCodes[operation]
  }
  return bits
}
