/** Bytes that are no good request: what ends a connection, and what does not. */
import { handlers } from '../../../broker/handlers/registry.ts'
import { each, script, theme } from '../scenario.ts'

const apis = handlers.map(({ api }) => api)
/** An answer without effect is wanted; Produce without acks would have none. */
const harmless = (name: string) => (name === 'Produce' ? { acks: -1 } : {})
const unfit = (name: string) => name === 'ApiVersions'

const damaged = apis
  .filter(({ name }) => !unfit(name))
  .flatMap((api) => [
    each(api, 'with nothing but fallbacks', () => harmless(api.name), { mine: true }),
    ...(
      [
        ['bytes left over', (body: Buffer) => Buffer.concat([body, Buffer.from([1, 2, 3])])],
        ['the last byte cut off', (body: Buffer) => body.subarray(0, body.length - 1)],
        ['the body cut off', (body: Buffer) => body.subarray(0, 11)],
      ] as const
    ).map(([what, damage]) =>
      script(
        `${api.name}: ${what}`,
        async ($, version) => {
          await $.tryToAsk(api, version, harmless(api.name), { mine: true, damage, withinMs: 3000 })
        },
        { versions: Array.from({ length: api.versions[1] - api.versions[0] + 1 }, (_, at) => api.versions[0] + at) },
      ),
    ),
    ...[-1, 1].map((off) =>
      script(`${api.name}: ${off < 0 ? 'a version below the first' : 'a version above the last'}`, async ($) => {
        const version = off < 0 ? api.versions[0] - 1 : api.versions[1] + 1
        const damage = (body: Buffer) => {
          body.writeInt16BE(version, 2)
          return body
        }
        await $.tryToAsk(api, api.versions[off < 0 ? 0 : 1], harmless(api.name), { damage, mine: true, withinMs: 3000 })
      }),
    ),
  ])

const header = (apiKey: number, version: number, rest: readonly number[]): Buffer => {
  const bytes = Buffer.from([0, 0, 0, 0, 0, 0, 0, 7, ...rest])
  bytes.writeInt16BE(apiKey, 0)
  bytes.writeInt16BE(version, 2)
  return bytes
}
const A = 0x61

const headers = [
  ...[93, 999, 32_767, -1, -32_768].map((key) =>
    script(`a header: the unknown API ${key}`, async ($) => {
      await $.sendFrame(header(key, 0, [0, 1, A]), { note: 'request' })
    }),
  ),
  ...(
    [
      ['empty', []],
      ['of one byte', [0]],
      ['without a version', [0, 18]],
      ['without a correlation id', [0, 18, 0, 0]],
      ['without a client id', [0, 18, 0, 0, 0, 0, 0, 7]],
      ['with a client id that is cut off', [0, 18, 0, 0, 0, 0, 0, 7, 0, 5, A]],
      ['with a client id of length -2', [0, 18, 0, 0, 0, 0, 0, 7, 255, 254]],
    ] as const
  ).map(([what, bytes]) =>
    script(`a header: ${what}`, async ($) => {
      await $.sendFrame(Buffer.from(bytes), { note: 'request' })
    }),
  ),
  ...(
    [
      ['a null client id', [255, 255]],
      ['an empty client id', [0, 0]],
      ['a client id that is not UTF-8', [0, 2, 255, 254]],
    ] as const
  ).map(([what, bytes]) =>
    script(`a header: ${what}`, async ($) => {
      const frame = await $.sendFrame(header(18, 5, bytes), { quiet: true })
      $.note('answered', frame !== undefined)
    }),
  ),
  script('a header: tagged fields that nobody knows', async ($) => {
    // ApiVersions v3: one tag of two bytes in the header, then name and version of the software, and no tags.
    const frame = await $.sendFrame(header(18, 3, [0, 1, A, 1, 9, 2, 1, 2, 2, A, 2, A, 0]), { quiet: true })
    $.note('answered', frame !== undefined)
  }),
]

export const connection = theme('connection', [...damaged, ...headers])
