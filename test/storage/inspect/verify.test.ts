import { describe, expect, it } from 'vitest'
import { writeLegacyMessage } from '../../../protocol/records/legacy.ts'
import type { MemoryFileSystem } from '../../../storage/index.ts'
import { type Finding, verify } from '../../../storage/inspect/index.ts'
import { LogContext, logFile, tamper } from '../../support/log-context.ts'

const config = { indexIntervalBytes: 150, segmentBytes: 500 }
const COUNT = 16
const NOW = 1_700_000_000_000

/** A log directory with one log of several segments, producers and epochs, after a clean stop. */
async function closedLog(): Promise<LogContext> {
  const context = await LogContext.open({ config, tailCacheBytes: 0 })
  for (let i = 0; i < COUNT; i++) {
    const records = [{ value: Buffer.from(`value ${i}`), timestamp: NOW + i * 100 }]
    context.appendBatch({ records, producerId: 7, producerEpoch: 0, baseSequence: i }, i < 8 ? 0 : 3)
    context.endTurn()
    await context.log.flush()
  }
  await context.close()
  return context
}

async function findingsOf(
  memory: MemoryFileSystem,
  path = '/data',
  options: { holder?: number; compacted?: boolean } = {},
): Promise<{ errors: Finding[]; notes: Finding[]; batches: number }> {
  const findings: Finding[] = []
  const tally = await verify({
    fileSystem: memory,
    path,
    tell: (finding) => findings.push(finding),
    holderOf: () => options.holder,
    compacted: options.compacted ?? false,
  })
  const errors = findings.filter(({ level }) => level === 'error')
  expect(tally.errors).toBe(errors.length)
  return { errors, notes: findings.filter(({ level }) => level === 'note'), batches: tally.batches }
}

describe('Verifying a log directory', () => {
  it('finds nothing to say of one that was closed, and writes nothing', async () => {
    const { memory } = await closedLog()
    const before = memory.readdir('/data/events-0').map(({ name }) => [name, memory.readFile(`/data/events-0/${name}`)])
    expect(await findingsOf(memory)).toEqual({ errors: [], notes: [], batches: COUNT })
    expect(
      memory.readdir('/data/events-0').map(({ name }) => [name, memory.readFile(`/data/events-0/${name}`)]),
    ).toEqual(before)
  })

  it('D04, D06, D09: tells of any bit that is flipped, with the file, and with the position in a log', async () => {
    const closed = await closedLog()
    const top = ['recovery-point-offset-checkpoint', 'log-start-offset-checkpoint', 'replication-offset-checkpoint']
    const inside = closed.files().filter((name) => name !== 'partition.metadata')
    const paths = [...top.map((name) => `/data/${name}`), ...inside.map((name) => closed.path(name))]
    let flips = 0
    let harmless = 0
    for (const path of paths) {
      const { length } = closed.memory.readFile(path)
      // Every bit of the small files, and a good many of the logs.
      for (let bit = 0; bit < length * 8; bit += path.endsWith('.log') ? 7 : 1) {
        const memory = closed.memory.kill()
        tamper(memory, path, (bytes) => {
          bytes[bit >> 3]! ^= 1 << (bit & 7)
          return bytes
        })
        const { errors } = await findingsOf(memory)
        // One that only makes an entry lead to an earlier batch than it could is no harm, and what Kafka's cleaner writes.
        if (path.endsWith('.index') && errors.length === 0) {
          harmless++
          continue
        }
        const inFile = errors.filter(({ file }) => file === path)
        // An epoch in a batch and the one in its checkpoint accuse each other.
        expect(errors.length > 0 && (inFile.length > 0 || path.endsWith('.log')), `bit ${bit} of ${path}`).toBe(true)
        if (path.endsWith('.log')) {
          const from = errors[0]!.position ?? 0
          expect(from, `bit ${bit} of ${path}`).toBeLessThanOrEqual(bit >> 3)
          expect((bit >> 3) - from).toBeLessThan(160)
        }
        flips++
      }
    }
    expect(flips).toBeGreaterThan(5000)
    expect(harmless).toBeLessThan(5)
  }, 120_000)

  it('D07: tells of a segment that is missing, of a link, and of what it does not know', async () => {
    const closed = await closedLog()
    const second = closed.files().filter((name) => name.endsWith('.log'))[1]!
    const memory = closed.memory.kill()
    memory.unlink(closed.path(second))
    memory.open(closed.path('notes.txt'), 'create').close()
    memory.mkdir(closed.path(logFile(99)))
    memory.mkdir('/data/lost+found')
    const { errors, notes } = await findingsOf(memory)
    expect(errors).toMatchObject([
      { file: closed.path(logFile(99)), message: 'has the name of a file, and is none' },
      { file: closed.path(logFile(0)), message: expect.stringMatching(/^offsets \d+ to \d+ are missing/) },
    ])
    expect(notes.map(({ file }) => file)).toEqual([closed.path('notes.txt'), '/data/lost+found'])
    expect((await findingsOf(memory, '/data', { compacted: true })).errors).toHaveLength(1)
  })

  it('D01: tells of a torn tail; while a broker runs, that is an end which is being written', async () => {
    const closed = await closedLog()
    const last = closed
      .files()
      .filter((name) => name.endsWith('.log'))
      .at(-1)!
    const memory = closed.memory.kill()
    memory.unlink('/data/.kafka_cleanshutdown')
    tamper(memory, closed.path(last), (bytes) => bytes.subarray(0, bytes.length - 3))
    const crashed = await findingsOf(memory)
    expect(crashed.errors[0]).toMatchObject({
      file: closed.path(last),
      message: expect.stringContaining('nothing good follows'),
    })
    expect(crashed.notes[0]!.message).toContain('not stopped cleanly')
    const running = await findingsOf(memory, '/data', { holder: 4711 })
    expect(running.errors).toEqual([])
    expect(running.notes[0]!.message).toContain('process 4711')
    expect(running.notes.map(({ message }) => message).join()).toContain('are being written')
  })

  it('D09: tells of checkpoints that say more than the log bears out', async () => {
    const closed = await closedLog()
    for (const name of [
      'recovery-point-offset-checkpoint',
      'log-start-offset-checkpoint',
      'replication-offset-checkpoint',
    ]) {
      const memory = closed.memory.kill()
      tamper(memory, `/data/${name}`, () => Buffer.from('0\n2\nevents 0 17\nghost 3 5\n'))
      const { errors, notes } = await findingsOf(memory)
      expect(errors).toMatchObject([{ file: `/data/${name}`, message: 'says 17 for events-0, whose log ends at 16' }])
      expect(notes).toMatchObject([{ message: 'names ghost-3, which is not here' }])
    }
  })

  it('takes a folder of a partition, or one file, as well', async () => {
    const closed = await closedLog()
    const folder = closed.path('').slice(0, -1)
    expect(await findingsOf(closed.memory, folder)).toEqual({ errors: [], notes: [], batches: COUNT })
    expect((await findingsOf(closed.memory, closed.path(logFile(0)))).batches).toBe(6)
    const memory = closed.memory.kill()
    tamper(memory, closed.path(logFile(0)), (bytes) => bytes.fill(0xff, 100, 101))
    tamper(memory, closed.path(logFile(6, '.index')), (bytes) => bytes.fill(0x7f, 3, 4))
    for (const path of [folder, closed.path(logFile(0))])
      expect((await findingsOf(memory, path)).errors[0]).toMatchObject({ file: closed.path(logFile(0)), position: 75 })
    expect((await findingsOf(memory, closed.path(logFile(6, '.index')))).errors).toHaveLength(1)
    await expect(findingsOf(memory, '/data/nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(findingsOf(memory, '/data/.lock')).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  it('reads messages from before Kafka 0.11, and checks their own checksums', async () => {
    const closed = await closedLog()
    const memory = closed.memory.kill()
    const message = (offset: number, magic: 0 | 1) =>
      writeLegacyMessage({
        magic,
        offset,
        timestamp: magic === 0 ? -1 : NOW,
        key: null,
        value: Buffer.from(`old ${offset}`),
      })
    const old = Buffer.concat([message(0, 0), message(1, 1), message(2, 1)])
    memory.mkdir('/old-0')
    memory.open(`/old-0/${logFile(0)}`, 'create').writeSync([old], 0)
    expect(await findingsOf(memory, '/old-0')).toMatchObject({ errors: [], batches: 3 })
    tamper(memory, `/old-0/${logFile(0)}`, (bytes) => bytes.fill(1, old.length - 1))
    expect((await findingsOf(memory, '/old-0')).errors[0]!.message).toContain(
      'the message at offset 2 does not match its checksum',
    )
  })
})
