/** Authentication, access control lists, SCRAM users. */
import { defineApi } from '../schema/api.ts'
import { array, bytes, int8, int16, int32, int64, string, struct } from '../schema/field.ts'

/**
 * SaslHandshake (key 17): chooses a mechanism. v0: raw tokens follow. v1: SaslAuthenticate requests follow (KIP-152).
 * Never flexible.
 */
export const SaslHandshake = defineApi({
  key: 17,
  name: 'SaslHandshake',
  versions: [0, 1],
  flexibleSince: Number.POSITIVE_INFINITY,
  request: {
    mechanism: string,
  },
  response: {
    errorCode: int16,
    mechanisms: array(string),
  },
})

/**
 * DescribeAcls (key 29): bindings that match a filter. v1: prefixed patterns (KIP-290). v2: flexible.
 * v3: users as a resource (KIP-373).
 */
export const DescribeAcls = defineApi({
  key: 29,
  name: 'DescribeAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    resourceTypeFilter: int8,
    resourceNameFilter: string.nullable(),
    patternTypeFilter: int8.orElse(3),
    principalFilter: string.nullable(),
    hostFilter: string.nullable(),
    operation: int8,
    permissionType: int8,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        patternType: int8.orElse(3),
        acls: array(
          struct({
            principal: string,
            host: string,
            operation: int8,
            permissionType: int8,
          }),
        ),
      }),
    ),
  },
})

/** CreateAcls (key 30). v1: prefixed patterns (KIP-290). v2: flexible. v3: users as a resource (KIP-373). */
export const CreateAcls = defineApi({
  key: 30,
  name: 'CreateAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    creations: array(
      struct({
        resourceType: int8,
        resourceName: string,
        resourcePatternType: int8.orElse(3),
        principal: string,
        host: string,
        operation: int8,
        permissionType: int8,
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    ),
  },
})

/** DeleteAcls (key 31): by filters. v1: prefixed patterns (KIP-290). v2: flexible. v3: users as a resource (KIP-373). */
export const DeleteAcls = defineApi({
  key: 31,
  name: 'DeleteAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    filters: array(
      struct({
        resourceTypeFilter: int8,
        resourceNameFilter: string.nullable(),
        patternTypeFilter: int8.orElse(3),
        principalFilter: string.nullable(),
        hostFilter: string.nullable(),
        operation: int8,
        permissionType: int8,
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    filterResults: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        matchingAcls: array(
          struct({
            errorCode: int16,
            errorMessage: string.nullable(),
            resourceType: int8,
            resourceName: string,
            patternType: int8.orElse(3),
            principal: string,
            host: string,
            operation: int8,
            permissionType: int8,
          }),
        ),
      }),
    ),
  },
})

/** SaslAuthenticate (key 36): one step of the mechanism. v1: session lifetime (KIP-368). v2: flexible. */
export const SaslAuthenticate = defineApi({
  key: 36,
  name: 'SaslAuthenticate',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    authBytes: bytes,
  },
  response: {
    errorCode: int16,
    errorMessage: string.nullable(),
    authBytes: bytes,
    /** After which the client must authenticate again; 0 for never. */
    sessionLifetimeMs: int64.since(1).ignorable(),
  },
})

/** DescribeUserScramCredentials (key 50): mechanisms and iterations, never secrets (KIP-554). */
export const DescribeUserScramCredentials = defineApi({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    users: array(
      struct({
        name: string,
      }),
    ).nullable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    results: array(
      struct({
        user: string,
        errorCode: int16,
        errorMessage: string.nullable(),
        credentialInfos: array(
          struct({
            mechanism: int8,
            iterations: int32,
          }),
        ),
      }),
    ),
  },
})

/** AlterUserScramCredentials (key 51): the client sends the salted password (KIP-554). */
export const AlterUserScramCredentials = defineApi({
  key: 51,
  name: 'AlterUserScramCredentials',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    deletions: array(
      struct({
        name: string,
        mechanism: int8,
      }),
    ),
    upsertions: array(
      struct({
        name: string,
        mechanism: int8,
        iterations: int32,
        salt: bytes,
        saltedPassword: bytes,
      }),
    ),
  },
  response: {
    throttleTimeMs: int32,
    results: array(
      struct({
        user: string,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    ),
  },
})
