import { expect, it } from 'vitest'
import { handlers } from '../../../broker/handlers/registry.ts'
import { requestHeaderVersion } from '../../../protocol/schema/api.ts'
import { decodeRequest, decodeRequestHeader } from '../../../protocol/schema/message.ts'
import { Reader } from '../../../protocol/wire/reader.ts'
import { runFuzz } from './campaign.ts'
import { Dice } from './dice.ts'
import { Facts } from './facts.ts'
import { FrameMaker } from './frames.ts'
import { report, verdict } from './report.ts'

it('the fuzzer makes requests that can be read to the last byte, for each version of each API', () => {
  const maker = new FrameMaker([handlers[0]!.api], new Dice(1), new Facts())
  for (const { api } of handlers) {
    for (let version = api.versions[0]; version <= api.versions[1]; version++) {
      for (let i = 0; i < 10; i++) {
        const reader = new Reader(maker.of(api, version, 10).bytes.subarray(4))
        decodeRequestHeader(reader, () => requestHeaderVersion(api, version) === 2)
        decodeRequest(api, version, reader)
        expect(reader.remaining, `${api.name} v${version}`).toBe(0)
      }
    }
  }
})

// `make fuzz` sends a million.
it('a few thousand good, damaged and senseless requests do a broker no harm', async () => {
  const frames = Number(process.env.FUZZ_FRAMES ?? 8_000)
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
  console.log(`FUZZ_FRAMES=${frames} FUZZ_SEED=${seed}`)
  const result = await runFuzz({ frames, seed, log: (line) => console.log(line) })
  console.log(report(result))
  expect(verdict(result)).toEqual([])
  expect(result.frames).toBeGreaterThanOrEqual(frames)
}, 300_000)
