import { describe, expect, it } from 'vitest'
import { CoordinatorShard, type ShardOutput } from '../../../broker/coordinator/shard.ts'
import type { EventFormat } from '../../../broker/coordinator/shard-log.ts'
import type { Decision, Moment, StateMachine } from '../../../broker/coordinator/state-machine.ts'
import { Timers } from '../../../broker/runtime/timers.ts'
import { readRecords } from '../../../protocol/records/record.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { MemoryShardLog } from '../../support/memory-shard-log.ts'

/**
 * The smallest coordinator: adds up numbers. `add` writes one, `read` tells the sum, `wait` is answered by the tick at
 * 1 s, `reserve` changes memory before it writes.
 */
type Command =
  | { kind: 'add'; to: number; numbers: number[] }
  | { kind: 'read' | 'wait' | 'reserve'; to: number }
  | { kind: 'loaded' | 'tick' }
type Reply = number | string

class Adder implements StateMachine<Command, number, ShardOutput<Reply>> {
  sum = 0
  reserved = 0
  readonly waiting: number[] = []
  #due = Infinity

  decide(command: Command, now: Moment): Decision<number, ShardOutput<Reply>> {
    switch (command.kind) {
      case 'add': {
        const { to, numbers } = command
        const outputs = [{ to, reply: this.sum + numbers.reduce((sum, number) => sum + number, 0) }]
        return { events: numbers, outputs, refused: (error) => [{ to, reply: error }] }
      }
      case 'reserve':
        this.reserved++
        return { events: [1], outputs: [{ to: command.to, reply: this.reserved }] }
      case 'read':
        return { events: [], outputs: [{ to: command.to, reply: this.sum }] }
      case 'wait':
        this.waiting.push(command.to)
        this.#due = now.mono + 1_000
        return { events: [], outputs: [] }
      default:
        if (now.mono < this.#due) return { events: [], outputs: [] }
        this.#due = Infinity
        return { events: [], outputs: this.waiting.splice(0).map((to) => ({ to, reply: 'ticked' })) }
    }
  }

  apply(event: number): void {
    this.sum += event
  }

  nextDeadline(): number {
    return this.#due
  }
}

const format: EventFormat<number> = {
  write: (event) => ({ key: Buffer.from('n'), value: Buffer.from(String(event)) }),
  read(batches, apply) {
    for (const { value } of readRecords(batches)) apply(Number(value))
  },
}

async function loadedShard(log = new MemoryShardLog()) {
  const clock = new FakeClock()
  const machine = new Adder()
  const failures: unknown[] = []
  const shard = new CoordinatorShard<Command, number, Reply>({
    machine,
    format,
    log,
    clock,
    timers: new Timers(clock),
    maxBatchBytes: 200,
    refusal: (error) => error,
    onFailure: (cause) => failures.push(cause),
  })
  await shard.load()
  return { shard, log, clock, machine, failures }
}

const add =
  (...numbers: number[]) =>
  (to: number): Command => ({ kind: 'add', to, numbers })
const read = (to: number): Command => ({ kind: 'read', to })
const wait = (to: number): Command => ({ kind: 'wait', to })
const reserve = (to: number): Command => ({ kind: 'reserve', to })

describe('the shell of a coordinator', () => {
  it('answers at once, without a promise, where nothing is pending', async () => {
    const { shard } = await loadedShard()
    expect(shard.ask(add(1, 2))).toBe(3)
    expect(shard.ask(read)).toBe(3)
  })

  it('keeps a reply back until what it rests on is durable', async () => {
    const { shard, log } = await loadedShard()
    log.durableAtOnce = false
    let answer: unknown
    void Promise.resolve(shard.ask(add(1))).then((reply) => (answer = reply))
    await Promise.resolve()
    expect(answer).toBeUndefined()
    log.settle()
    await new Promise((resolve) => setImmediate(resolve))
    expect(answer).toBe(1)
  })

  it('keeps back what only reads, too: nobody is told what a power cut could take back', async () => {
    const { shard, log } = await loadedShard()
    log.durableAtOnce = false
    const written = shard.ask(add(1))
    const seen = shard.ask(read)
    expect(seen).toBeInstanceOf(Promise)
    log.settle()
    expect(await Promise.all([written, seen])).toEqual([1, 1])
    expect(shard.ask(read)).toBe(1)
  })

  it('applies what it writes with the function that recovery uses: a second shard on the log is equal', async () => {
    const { shard, log } = await loadedShard()
    shard.ask(add(1))
    shard.ask(add(2, 3))
    const { machine } = await loadedShard(log)
    expect(machine.sum).toBe(6)
  })

  it('wakes the machine at its deadline, by one timer', async () => {
    const { shard, clock } = await loadedShard()
    const answer = shard.ask(wait)
    clock.advance(999)
    expect(shard.waiting).toBe(1)
    clock.advance(1)
    expect(await answer).toBe('ticked')
  })

  it('writes what one batch cannot hold as several', async () => {
    const { shard, log } = await loadedShard()
    expect(shard.ask(add(1, 2, 3, 4, 5, 6, 7, 8, 9, 10))).toBe(55)
    expect(log.batches.length).toBeGreaterThan(1)
    expect(log.end).toBe(10)
  })

  it('says so when the log refuses a write that changed nothing else, and goes on', async () => {
    const { shard, log, machine, failures } = await loadedShard()
    log.refusal = new Error('disk full')
    expect(shard.ask(add(1))).toBe('COORDINATOR_NOT_AVAILABLE')
    log.refusal = undefined
    expect(shard.ask(add(2))).toBe(2)
    expect(machine.sum).toBe(2)
    expect(failures).toEqual([])
  })

  it('closes itself when the log refuses a write after memory has changed; who waits is sent away', async () => {
    const { shard, log, failures } = await loadedShard()
    const waiting = shard.ask(wait)
    log.refusal = new Error('disk full')
    expect(shard.ask(reserve)).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(await waiting).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(shard.state).toBe('closed')
    expect(failures).toEqual([log.refusal])
  })

  it('closes itself when what it had applied is lost: no reply that rests on it leaves', async () => {
    const { shard, log, failures } = await loadedShard()
    log.durableAtOnce = false
    const answers = [shard.ask(add(1)), shard.ask(read)]
    log.lose()
    expect(await Promise.all(answers)).toEqual(['COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_NOT_AVAILABLE'])
    expect(failures).toEqual(['KAFKA_STORAGE_ERROR'])
    expect((await loadedShard(log)).machine.sum).toBe(0)
  })

  it('answers everyone when it is closed, once', async () => {
    const { shard, clock } = await loadedShard()
    const answer = shard.ask(wait)
    shard.close('NOT_COORDINATOR')
    shard.close('COORDINATOR_NOT_AVAILABLE')
    clock.advance(5_000)
    expect(await answer).toBe('NOT_COORDINATOR')
    expect(shard.waiting).toBe(0)
  })
})
