import { describe, expect, it } from 'vitest'
import { handlers } from '../../broker/handlers/registry.ts'
import { Metadata } from '../../protocol/apis/metadata.ts'
import { errorName } from '../../protocol/errors.ts'
import { filled } from '../../protocol/schema/message.ts'
import { embeddedBroker } from '../support/embedded-broker.ts'

/** What makes an empty request one that is answered at once. */
const answerable: Readonly<Record<string, object>> = { Produce: { acks: 1 }, JoinGroup: { sessionTimeoutMs: 10_000 } }

const served = handlers.flatMap(({ api }) => {
  const [first, last] = api.versions
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    api,
    version: first + i,
    name: `${api.name} v${first + i}`,
  }))
})

describe('AV-9: every advertised version is answered, and the connection goes on', () => {
  it.each(served)('$name', async ({ api, version }) => {
    const test = await embeddedBroker()
    await test.createTopic('t')
    const request = { ...filled(api.request, {}), ...answerable[api.name] }
    await test.client.call(api, version, request)
    const { topics } = await test.client.call(Metadata, 12, { topics: null })
    expect(topics.map(({ name, errorCode }) => [name, errorName(errorCode)])).toContainEqual(['t', 'NONE'])
  })
})
