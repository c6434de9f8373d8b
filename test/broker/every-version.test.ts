import { beforeAll, describe, expect, it } from 'vitest'
import { handlers } from '../../broker/handlers/registry.ts'
import { startBroker } from '../../broker/index.ts'
import { Metadata } from '../../protocol/apis/metadata.ts'
import { errorName } from '../../protocol/errors.ts'
import { filled } from '../../protocol/schema/message.ts'
import { TestBroker } from '../support/embedded-broker.ts'
import { RawClient } from '../support/raw-client.ts'

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

describe('AV-9, FS-1: every advertised version is answered, and the connection goes on', () => {
  let test: TestBroker
  beforeAll(async () => {
    const broker = await startBroker()
    test = new TestBroker(broker, await RawClient.to(broker.bootstrap))
    await test.createTopic('t')
    return async () => {
      test.client.destroy()
      await broker.stop()
    }
  })

  it.each(served)('$name', async ({ api, version }) => {
    await test.client.call(api, version, { ...filled(api.request, {}), ...answerable[api.name] })
    const { topics } = await test.client.call(Metadata, 12, { topics: null })
    expect(topics.map(({ name, errorCode }) => [name, errorName(errorCode)])).toContainEqual(['t', 'NONE'])
  })
})
