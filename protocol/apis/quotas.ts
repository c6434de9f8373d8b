/** Quotas of users and clients (KIP-546). */
import { defineApi } from '../schema/api.ts'
import { array, bool, float64, int8, int16, int32, string, struct } from '../schema/field.ts'

/** DescribeClientQuotas (key 48): quotas that match a filter. v1: flexible. */
export const DescribeClientQuotas = defineApi({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    components: array(
      struct({
        entityType: string,
        matchType: int8,
        match: string.nullable(),
      }),
    ),
    strict: bool,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    entries: array(
      struct({
        entity: array(
          struct({
            entityType: string,
            entityName: string.nullable(),
          }),
        ),
        values: array(
          struct({
            key: string,
            value: float64,
          }),
        ),
      }),
    ).nullable(),
  },
})

/** AlterClientQuotas (key 49). v1: flexible. */
export const AlterClientQuotas = defineApi({
  key: 49,
  name: 'AlterClientQuotas',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    entries: array(
      struct({
        entity: array(
          struct({
            entityType: string,
            entityName: string.nullable(),
          }),
        ),
        ops: array(
          struct({
            key: string,
            value: float64,
            remove: bool,
          }),
        ),
      }),
    ),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    entries: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        entity: array(
          struct({
            entityType: string,
            entityName: string.nullable(),
          }),
        ),
      }),
    ),
  },
})
