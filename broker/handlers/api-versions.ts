/** ApiVersions (key 18): what a client may ask of this broker, in which versions. */
import { ApiVersions } from '../../protocol/apis/api-versions.ts'
import { errorCode } from '../../protocol/errors.ts'
import type { Api, ResponseOf } from '../../protocol/schema/api.ts'
import { type Handler, serve } from './handler.ts'

type Response = ResponseOf<typeof ApiVersions>

/** The range of an API as it is told to clients; see `advertise` of Api for where that is not what is served. */
export const advertisedRange = ({ key, versions, advertise = versions }: Api): Response['apiKeys'][number] => ({
  apiKey: key,
  minVersion: advertise[0],
  maxVersion: advertise[1],
})

/** @param served every API that has a handler, this one included. Asked once, at the first request. */
export function apiVersions(served: () => readonly Api[]): Handler<typeof ApiVersions> {
  let apiKeys: Response['apiKeys'] | undefined
  return serve(ApiVersions, 'none', (request, { apiVersion, connection }, { cluster }) => {
    if (apiVersion >= 3) {
      const { clientSoftwareName, clientSoftwareVersion } = request
      if (!isSoftwareName(clientSoftwareName) || !isSoftwareName(clientSoftwareVersion)) {
        return { ...nothing, errorCode: errorCode('INVALID_REQUEST') }
      }
      connection.softwareName = clientSoftwareName
      connection.softwareVersion = clientSoftwareVersion
    }
    apiKeys ??= served().map(advertisedRange)
    return {
      ...nothing,
      apiKeys,
      supportedFeatures: [METADATA_VERSION],
      finalizedFeaturesEpoch: Number(cluster.image.revision),
      finalizedFeatures: [FINAL_METADATA_VERSION],
    }
  })
}

const nothing: Response = {
  errorCode: 0,
  apiKeys: [],
  throttleTimeMs: 0,
  supportedFeatures: [],
  finalizedFeaturesEpoch: -1,
  finalizedFeatures: [],
  zkMigrationReady: false,
}

/**
 * What a version that we do not know is answered with, in the body of version 0, which every client can read; it tells
 * no more than this API's own range, and the client asks again on the same connection (KIP-511, AV-2, AV-12).
 */
export const unsupportedVersionAnswer: Response = {
  ...nothing,
  errorCode: errorCode('UNSUPPORTED_VERSION'),
  apiKeys: [advertisedRange(ApiVersions)],
}

/**
 * The feature level of Kafka 4.3, which tools print and compare. `transaction.version`, `group.version`,
 * `share.version` and `streams.version` are at 0 here: clients then use the classic protocols. A feature at 0 is not
 * told among the finalized ones, and one that cannot be raised not among the supported ones (AV-5).
 */
const METADATA_VERSION = { name: 'metadata.version', minVersion: 7, maxVersion: 30 }
const FINAL_METADATA_VERSION = { name: METADATA_VERSION.name, minVersionLevel: 30, maxVersionLevel: 30 }

/** Letters, digits, `-` and `.`, the first and last a letter or digit (KIP-511, AV-3). */
const isSoftwareName = (text: string): boolean => /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/.test(text)
