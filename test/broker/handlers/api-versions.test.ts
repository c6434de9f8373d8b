import { describe, expect, it } from 'vitest'
import { handlers } from '../../../broker/handlers/registry.ts'
import { ApiVersions } from '../../../protocol/apis/api-versions.ts'
import { networkContext } from '../network/network-context.ts'

const named = { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.3.0' }

/**
 * What Apache Kafka 4.3 answers, by key: the version ranges of the APIs that a client meets. Taken from a live broker;
 * keys that we do not serve (ACLs, delegation tokens, transactions, KIP-848 and share groups) are left out.
 */
const kafkaRanges = new Map<number, readonly [number, number]>([
  [0, [0, 13]],
  [1, [4, 18]],
  [2, [1, 11]],
  [3, [0, 13]],
  [8, [2, 10]],
  [9, [1, 10]],
  [10, [0, 6]],
  [11, [0, 9]],
  [12, [0, 4]],
  [13, [0, 5]],
  [14, [0, 5]],
  [15, [0, 6]],
  [16, [0, 5]],
  [18, [0, 4]],
  [19, [2, 7]],
  [20, [1, 6]],
  [21, [0, 2]],
  [22, [0, 5]],
  [23, [2, 4]],
  [32, [1, 4]],
  [33, [0, 2]],
  [35, [1, 5]],
  [37, [0, 3]],
  [42, [0, 2]],
  [43, [0, 2]],
  [44, [0, 1]],
  [45, [0, 1]],
  [46, [0, 0]],
  [47, [0, 0]],
  [60, [0, 2]],
  [61, [0, 0]],
  [75, [0, 0]],
])

const connected = async () => {
  const context = await networkContext(handlers)
  return { ...context, client: await context.connect() }
}

describe('ApiVersions', () => {
  it.each([0, 1, 2, 3, 4])(
    'tells each API that is served, sorted by key, in the ranges of Kafka 4.3 (v%i)',
    async (v) => {
      const { client } = await connected()
      const { errorCode, apiKeys } = await client.call(ApiVersions, v, v >= 3 ? named : {})
      expect(errorCode).toBe(0)
      expect(apiKeys.map(({ apiKey }) => apiKey)).toEqual(handlers.map(({ api }) => api.key))
      for (const { apiKey, minVersion, maxVersion } of apiKeys) {
        expect([apiKey, [minVersion, maxVersion]]).toEqual([apiKey, kafkaRanges.get(apiKey)])
      }
    },
  )

  it('AV-1: is answered with response header 0 in every version', async () => {
    const { client } = await connected()
    for (const version of [0, 1, 2, 3, 4]) {
      const id = client.send(ApiVersions, version, version >= 3 ? named : {})
      const frame = await client.frame()
      expect(frame.readInt32BE(0)).toBe(id)
      // The error code follows at once. A tagged-field byte in between would shift the count of keys behind it.
      expect(frame.readInt16BE(4)).toBe(0)
      const count = version >= 3 ? frame.readUInt8(6) - 1 : frame.readInt32BE(6)
      expect(count).toBe(handlers.length)
    }
  })

  it('AV-4: throttle_time_ms is there from v1 on', async () => {
    const { client } = await connected()
    client.send(ApiVersions, 0, {})
    const v0 = await client.frame()
    client.send(ApiVersions, 1, {})
    const v1 = await client.frame()
    expect(v1.length).toBe(v0.length + 4)
    expect(v1.readInt32BE(v1.length - 4)).toBe(0)
  })

  it.each([
    ['', '1.0'],
    ['librdkafka', ''],
    ['-kafkajs', '1'],
    ['kafkajs.', '1'],
    ['kafka js', '1'],
    ['kafkajs', '1.0;x'],
    ['kafkajs\n', '1'],
    ['käfka', '1'],
  ])('AV-3: name %j with version %j is an invalid request', async (clientSoftwareName, clientSoftwareVersion) => {
    const { client } = await connected()
    for (const version of [3, 4]) {
      const answer = await client.call(ApiVersions, version, { clientSoftwareName, clientSoftwareVersion })
      expect(answer).toMatchObject({ errorCode: 42, apiKeys: [], finalizedFeatures: [] })
    }
    expect((await client.call(ApiVersions, 4, named)).errorCode).toBe(0)
  })

  it('AV-3: letters, digits, - and . are fine', async () => {
    const { client } = await connected()
    for (const name of ['a', 'A1', 'apache-kafka-java', 'v1.2.3-rc.1', '0']) {
      const names = { clientSoftwareName: name, clientSoftwareVersion: name }
      expect((await client.call(ApiVersions, 3, names)).errorCode).toBe(0)
    }
  })

  it('AV-5: features come in tagged fields from v3 on; those at level 0 are left out', async () => {
    const { client } = await connected()
    for (const version of [3, 4]) {
      const answer = await client.call(ApiVersions, version, named)
      expect(answer.supportedFeatures).toEqual([{ name: 'metadata.version', minVersion: 7, maxVersion: 30 }])
      expect(answer.finalizedFeatures).toEqual([{ name: 'metadata.version', minVersionLevel: 30, maxVersionLevel: 30 }])
      expect(answer.finalizedFeaturesEpoch).toBe(7)
      expect(answer.zkMigrationReady).toBe(false)
    }
    expect((await client.call(ApiVersions, 2, {})).supportedFeatures).toEqual([])
  })

  it('AV-6: telemetry keys are left out', async () => {
    const { client } = await connected()
    const { apiKeys } = await client.call(ApiVersions, 4, named)
    expect(apiKeys.filter(({ apiKey }) => apiKey === 71 || apiKey === 72)).toEqual([])
  })

  it('AV-10, KJ-11: kafkajs falls from v2 to v0, and is answered within the same turn', async () => {
    const { client } = await connected()
    const ids = [2, 1, 0].map((version) => client.send(ApiVersions, version, {}))
    for (const [i, version] of [2, 1, 0].entries()) {
      expect((await client.response(ApiVersions, version, ids[i] ?? -1)).errorCode).toBe(0)
    }
  })
})
