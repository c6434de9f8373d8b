/** Configuration of topics, brokers and groups. */
import { defineApi } from '../schema/api.ts'
import { array, bool, int8, int16, int32, string, struct } from '../schema/field.ts'

/**
 * DescribeConfigs (key 32): effective values and where they come from.
 * v1: sources and synonyms (KIP-226). v3: types and documentation (KIP-569). v4: flexible.
 */
export const DescribeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleSince: 4,
  request: {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configurationKeys: array(string).nullable(),
      }),
    ),
    includeSynonyms: bool,
    includeDocumentation: bool.since(3),
  },
  response: {
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
            readOnly: bool,
            configSource: int8.orElse(-1),
            isSensitive: bool,
            synonyms: array(
              struct({
                name: string,
                value: string.nullable(),
                source: int8,
              }),
            ),
            configType: int8.since(3).ignorable(),
            documentation: string.nullable().since(3).ignorable(),
          }),
        ),
      }),
    ),
  },
})

/** AlterConfigs (key 33): replaces the whole configuration of a resource. v2: flexible. */
export const AlterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
          }),
        ),
      }),
    ),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    responses: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
      }),
    ),
  },
})

/** IncrementalAlterConfigs (key 44): changes single keys (KIP-339). v1: flexible. */
export const IncrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            /** 0 set, 1 delete, 2 append, 3 subtract. */
            configOperation: int8,
            value: string.nullable(),
          }),
        ),
      }),
    ),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    responses: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
      }),
    ),
  },
})

/**
 * ListConfigResources (key 74): names of what has a configuration; v0 knows client metrics only (KIP-714),
 * v1 all types (KIP-1142).
 */
export const ListConfigResources = defineApi({
  key: 74,
  name: 'ListConfigResources',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    resourceTypes: array(int8).since(1),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    configResources: array(
      struct({
        resourceName: string,
        resourceType: int8.since(1).orElse(16).ignorable(),
      }),
    ),
  },
})
