import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { type CampaignOptions, type CampaignResult, runCampaign, type Stage } from './campaign.ts'
import { explain } from './checker.ts'
import { FaultLibrary } from './faults/fault-library.ts'
import { killer, type WayToDie } from './nemesis.ts'

/** What a disk and an operating system do to a broker that serves: each is a short campaign, judged as the long one is. */

let tools: string
let compiled: ReturnType<typeof FaultLibrary.compile>

beforeAll(() => {
  tools = mkdtempSync(join(tmpdir(), 'odradek-chaos-tools-'))
  compiled = FaultLibrary.compile(tools)
})

afterAll(() => rmSync(tools, { recursive: true, force: true }))

const TIMEOUT_MS = 120_000

async function clean(options: Omit<CampaignOptions, 'seed' | 'withKafkajs'>): Promise<CampaignResult> {
  const result = await runCampaign({ seed: 1, withKafkajs: false, ...options })
  expect(result.verdict.anomalies.size, `${explain(result.verdict)}\n${result.brokerSaid}`).toBe(0)
  expect(result.verdict.figures.sends.idempotent.ok).toBeGreaterThan(50)
  return result
}

/** Runs a campaign with the library; says so where there is none. */
async function withFaults(nemesis: CampaignOptions['nemesis']): Promise<CampaignResult | undefined> {
  if ('path' in compiled) return clean({ faultLibrary: compiled.path, nemesis })
  console.log(`not tried: ${compiled.missing}`)
  return undefined
}

/** The fault struck, so that the campaign was one of that fault. */
async function struck({ faults }: Stage, times: number): Promise<void> {
  while ((faults?.struck ?? 0) < times) await sleep(10)
}

/** So many more sends are acknowledged before long. */
async function serves(stage: Stage, sends: number): Promise<void> {
  expect(await stage.serves(sends, 0, 60_000)).toBe(true)
}

/** Members commit so many more times: then they also beat, each over a connection for that alone. */
async function membersCommit({ history }: Stage, count: number): Promise<void> {
  const done = () => {
    const ops = new Set<number>()
    for (const event of history.events) {
      if (event.f === 'commit' && event.type === 'invoke' && event.group === 'team') ops.add(event.op)
    }
    return history.events.filter((event) => event.f === 'commit' && event.type === 'ok' && ops.has(event.op)).length
  }
  const before = done()
  while (done() < before + count) await sleep(20)
}

const refusedFor = ({ history }: Stage, error: string): number =>
  history.events.filter((event) => event.f === 'send' && 'error' in event && event.error.includes(error)).length

describe('time', () => {
  it('T03: a broker that stood still for longer than a session reads the heartbeats that wait before it expels anybody', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { verdict } = await clean({
      sessionTimeoutMs: 2_500,
      membersLeave: false,
      nemesis: async (stage) => {
        for (const ms of [3_500, 200, 3_500]) {
          await membersCommit(stage, 10)
          await stage.pause(ms)
        }
        await membersCommit(stage, 10)
      },
    })
    expect(verdict.figures.expelled).toBe(0)
  })

  it('a disk that takes a second for each sync costs time, and nothing else', { timeout: TIMEOUT_MS }, async () => {
    await withFaults(async (stage) => {
      await serves(stage, 20)
      stage.faults?.arm({ on: 'sync', action: 'delay', delayMs: 1_000, times: 6, suffix: '.log' })
      await struck(stage, 3)
      stage.faults?.disarm()
      await serves(stage, 100)
    })
  })
})

describe('the flush policy os', () => {
  it('LG-13: promises what Apache Kafka does: what was acknowledged outlives the process', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const path = 'path' in compiled ? { faultLibrary: compiled.path } : {}
    const ways: WayToDie[] = 'path' in compiled ? ['kill', 'at a call'] : ['kill']
    await clean({ set: ['log.flush.policy=os'], nemesis: killer({ kills: 5, ways, lifeMs: [100, 300] }), ...path })
  })
})

describe('a full disk', () => {
  it('I03: on a small mount, sends are refused and reads go on; with space again, all goes on', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'odradek-chaos-mount-'))
    onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', dataFolder], { stdio: 'pipe' })
    } catch (error) {
      console.log(`not tried: no tmpfs can be mounted here (${error instanceof Error ? error.message.trim() : error})`)
      return
    }
    onTestFinished(() => {
      execFileSync('umount', ['--lazy', dataFolder])
    })
    const data = join(dataFolder, 'data')
    mkdirSync(data)
    const ballast = join(dataFolder, 'ballast')
    await clean({
      dataFolder: data,
      nemesis: async (stage) => {
        await serves(stage, 20)
        fill(ballast)
        while (refusedFor(stage, 'KAFKA_STORAGE_ERROR') < 5) await sleep(20)
        await polls(stage)
        rmSync(ballast)
        await serves(stage, 20)
      },
    })
  })

  it('I03: a write that is short, or finds no space, is taken back whole, and tried again', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await withFaults(async (stage) => {
      for (let i = 0; i < 5; i++) {
        await serves(stage, 20)
        stage.faults?.arm({ on: 'write', action: 'short', suffix: '.log', times: 3 })
        await struck(stage, 3)
        stage.faults?.arm({ on: 'write', action: 'fail', errno: 'ENOSPC', suffix: '.log', times: 5 })
        await struck(stage, 5)
      }
      await serves(stage, 20)
      await stage.kill()
      await stage.start()
      await serves(stage, 20)
    })
  })
})

describe('a disk that fails', () => {
  it('I01: after a failed sync nothing is acknowledged any more; the only log dir gone, the process ends', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await withFaults(async (stage) => {
      for (let i = 0; i < 3; i++) {
        await serves(stage, 20)
        stage.faults?.arm({ on: 'sync', action: 'fail', suffix: '.log' })
        expect((await stage.ended()).code).toBe(1)
        stage.faults?.disarm()
        await stage.start()
      }
      await serves(stage, 20)
    })
  })

  it('I01: what a failed sync did not bring to the disk is written anew by the next start', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await withFaults(async (stage) => {
      for (let i = 0; i < 3; i++) {
        await serves(stage, 20)
        stage.faults?.arm({ on: 'sync', action: 'fail', suffix: '.log' })
        await stage.ended()
        stage.faults?.disarm()
        await stage.start()
        await serves(stage, 20)
        await stage.cutPower()
        await stage.start()
      }
      await serves(stage, 20)
    })
  })

  it('I02: a write that fails ends the process, and the next start finds all that was acknowledged', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await withFaults(async (stage) => {
      for (const errno of ['EIO', 'EROFS'] as const) {
        await serves(stage, 20)
        stage.faults?.arm({ on: 'write', action: 'fail', errno, suffix: '.log' })
        expect((await stage.ended()).code).toBe(1)
        stage.faults?.disarm()
        await stage.start()
      }
      await serves(stage, 20)
    })
  })
})

/** Fills the device that holds `path`, to the last byte. */
function fill(path: string): void {
  const chunk = Buffer.alloc(64 * 1024)
  for (let size = chunk.length; size >= 1; ) {
    try {
      writeFileSync(path, chunk.subarray(0, size), { flag: 'a' })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      size = Math.floor(size / 8)
    }
  }
}

/** Waits until consumers were given something: what was written before can be read on a full disk. */
async function polls({ history }: Stage): Promise<void> {
  const count = () => history.events.filter((event) => event.f === 'poll' && event.type === 'ok').length
  const before = count()
  while (count() < before + 20) await sleep(20)
}
