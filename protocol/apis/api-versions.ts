/** How a client learns what it can ask for. */
import { defineApi } from '../schema/api.ts'
import { array, bool, int16, int32, int64, string, struct } from '../schema/field.ts'

/**
 * ApiVersions (key 18): the APIs and versions that this broker serves. Its response has header 0 in every version,
 * and an unknown version is answered with the body of version 0 and error 35 (KIP-511).
 * v3: client software name, features (KIP-584). v4: features with minimum 0 are told too.
 */
export const ApiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 4],
  flexibleSince: 3,
  request: {
    clientSoftwareName: string.since(3).ignorable(),
    clientSoftwareVersion: string.since(3).ignorable(),
  },
  response: {
    errorCode: int16,
    apiKeys: array(
      struct({
        apiKey: int16,
        minVersion: int16,
        maxVersion: int16,
      }),
    ),
    throttleTimeMs: int32.since(1).ignorable(),
    supportedFeatures: array(
      struct({
        name: string,
        minVersion: int16,
        maxVersion: int16,
      }),
    )
      .tagged(0, 3)
      .ignorable(),
    finalizedFeaturesEpoch: int64.tagged(1, 3).orElse(-1).ignorable(),
    finalizedFeatures: array(
      struct({
        name: string,
        maxVersionLevel: int16,
        minVersionLevel: int16,
      }),
    )
      .tagged(2, 3)
      .ignorable(),
    zkMigrationReady: bool.tagged(3, 3).ignorable(),
  },
})
