/** Delegation tokens (KIP-48). */
import { defineApi } from '../schema/api.ts'
import { array, bytes, int16, int32, int64, int64Clamped, string, struct } from '../schema/field.ts'

/** CreateDelegationToken (key 38). v2: flexible. v3: for another owner (KIP-373). */
export const CreateDelegationToken = defineApi({
  key: 38,
  name: 'CreateDelegationToken',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    ownerPrincipalType: string.nullable().since(3),
    ownerPrincipalName: string.nullable().since(3),
    renewers: array(
      struct({
        principalType: string,
        principalName: string,
      }),
    ),
    maxLifetimeMs: int64Clamped,
  },
  response: {
    errorCode: int16,
    principalType: string,
    principalName: string,
    tokenRequesterPrincipalType: string.since(3),
    tokenRequesterPrincipalName: string.since(3),
    issueTimestampMs: int64,
    expiryTimestampMs: int64,
    maxTimestampMs: int64,
    tokenId: string,
    hmac: bytes,
    throttleTimeMs: int32,
  },
})

/** RenewDelegationToken (key 39). v2: flexible. */
export const RenewDelegationToken = defineApi({
  key: 39,
  name: 'RenewDelegationToken',
  versions: [1, 2],
  flexibleSince: 2,
  request: {
    hmac: bytes,
    renewPeriodMs: int64Clamped,
  },
  response: {
    errorCode: int16,
    expiryTimestampMs: int64,
    throttleTimeMs: int32,
  },
})

/** ExpireDelegationToken (key 40): sets the expiry; a negative period means now. v2: flexible. */
export const ExpireDelegationToken = defineApi({
  key: 40,
  name: 'ExpireDelegationToken',
  versions: [1, 2],
  flexibleSince: 2,
  request: {
    hmac: bytes,
    expiryTimePeriodMs: int64Clamped,
  },
  response: {
    errorCode: int16,
    expiryTimestampMs: int64,
    throttleTimeMs: int32,
  },
})

/** DescribeDelegationToken (key 41). v2: flexible. v3: who asked for it (KIP-373). */
export const DescribeDelegationToken = defineApi({
  key: 41,
  name: 'DescribeDelegationToken',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    owners: array(
      struct({
        principalType: string,
        principalName: string,
      }),
    ).nullable(),
  },
  response: {
    errorCode: int16,
    tokens: array(
      struct({
        principalType: string,
        principalName: string,
        tokenRequesterPrincipalType: string.since(3),
        tokenRequesterPrincipalName: string.since(3),
        issueTimestamp: int64,
        expiryTimestamp: int64,
        maxTimestamp: int64,
        tokenId: string,
        hmac: bytes,
        renewers: array(
          struct({
            principalType: string,
            principalName: string,
          }),
        ),
      }),
    ),
    throttleTimeMs: int32,
  },
})
