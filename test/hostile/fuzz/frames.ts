import type { AnyHandler } from '../../../broker/handlers/handler.ts'
import { planStruct, type StructPlan, type ValuePlan } from '../../../protocol/schema/plan.ts'
import type { Dice } from './dice.ts'
import type { Facts, Membership } from './facts.ts'
import { Values } from './values.ts'

export type AnyApi = AnyHandler['api']

/** Where in a frame a count or a length stands, and how it is written. */
export interface Mark {
  readonly at: number
  readonly encoding: 'int16' | 'int32' | 'uvarint'
}

/** A whole request, its length in front. */
export interface Frame {
  readonly api: AnyApi
  readonly version: number
  readonly correlationId: number
  readonly bytes: Buffer
  readonly marks: readonly Mark[]
  /** Whose request it is, where it is one of a member of a group. */
  readonly membership: Membership
}

const INT_LIMITS = { int8: 127, int16: 32_767, int32: 2 ** 31 - 1, int64: Number.MAX_SAFE_INTEGER } as const

/**
 * Writes well-formed requests straight from the schemas, with values that mostly make sense, and notes where lengths and
 * counts stand. An encoding of its own: what the broker reads was not written by the broker's code.
 */
export class FrameMaker {
  readonly #apis: readonly AnyApi[]
  readonly #dice: Dice
  readonly #facts: Facts
  readonly #plans = new Map<string, StructPlan>()
  #bytes = Buffer.alloc(1024 * 1024)
  #at = 0
  #marks: Mark[] = []
  #nextCorrelationId = 1
  #api: AnyApi
  #values: Values

  constructor(apis: readonly AnyApi[], dice: Dice, facts: Facts) {
    this.#apis = apis
    this.#dice = dice
    this.#facts = facts
    this.#api = apis[0] as AnyApi
    this.#values = new Values(dice, facts, 0)
  }

  /** A request to any API in any version. @param oddPercent see Values */
  any(oddPercent: number): Frame {
    const api = this.#dice.pick(this.#apis)
    return this.of(api, this.#dice.between(...(api.versions as [number, number])), oddPercent)
  }

  of(api: AnyApi, version: number, oddPercent: number): Frame {
    this.#api = api
    this.#values = new Values(this.#dice, this.#facts, oddPercent)
    this.#marks = []
    this.#at = 4
    const correlationId = this.#nextCorrelationId++
    const flexible = version >= api.flexibleSince
    this.#int(api.key, 2)
    this.#int(version, 2)
    this.#int(correlationId, 4)
    this.#string(this.#dice.chance(90) ? 'fuzz' : null, false)
    if (flexible) this.#uvarint(0)
    this.#struct(this.#plan(api, version, flexible))
    this.#bytes.writeInt32BE(this.#at - 4, 0)
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#at))
    return { api, version, correlationId, bytes, marks: this.#marks, membership: this.#values.membership }
  }

  #plan(api: AnyApi, version: number, flexible: boolean): StructPlan {
    const key = `${api.key}:${version}`
    let plan = this.#plans.get(key)
    if (plan === undefined) {
      plan = planStruct(api.request, version, flexible, 'number')
      this.#plans.set(key, plan)
    }
    return plan
  }

  #struct({ plain, tagged, flexible }: StructPlan): void {
    for (const field of plain) this.#value(field, field.name, flexible)
    if (!flexible) return
    const said = tagged.filter(() => this.#dice.chance(30))
    const unknown = this.#dice.chance(2)
    this.#mark('uvarint')
    this.#uvarint(said.length + (unknown ? 1 : 0))
    for (const field of said) {
      this.#uvarint(field.tag as number)
      this.#sized(() => this.#value(field, field.name, flexible))
    }
    if (unknown) {
      this.#uvarint(1_000_000)
      this.#sized(() => this.#raw(this.#dice.bytes(3)))
    }
  }

  #value(plan: ValuePlan, name: string, flexible: boolean): void {
    const values = this.#values
    const isNull = plan.nullable && values.isNull(name)
    switch (plan.kind) {
      case 'bool':
        this.#int(this.#dice.below(2), 1)
        break
      case 'int8':
        this.#int(values.number(name, INT_LIMITS.int8), 1)
        break
      case 'int16':
      case 'uint16':
        this.#int(values.number(name, INT_LIMITS.int16), 2)
        break
      case 'int32':
      case 'uint32':
        this.#int(values.number(name, INT_LIMITS.int32), 4)
        break
      case 'int64':
      case 'int64Clamped':
      case 'bigint64':
        this.#int64(values.number(name, INT_LIMITS.int64))
        break
      case 'float64':
        this.#room(8)
        this.#at = this.#bytes.writeDoubleBE(values.number(name, 1_000), this.#at)
        break
      case 'uuid':
        this.#raw(Buffer.from(values.uuid(), 'base64url'))
        break
      case 'string':
        this.#string(isNull ? null : values.string(name, this.#api.name), flexible)
        break
      case 'bytes':
        this.#blob(isNull ? null : values.bytes(), flexible)
        break
      case 'records':
      case 'recordChunks':
        this.#blob(isNull ? null : values.records(), flexible)
        break
      case 'array':
        this.#array(plan, name, isNull, flexible)
        break
      case 'struct':
        if (plan.nullable) this.#int(isNull ? -1 : 1, 1)
        if (!isNull) this.#struct(plan.struct as StructPlan)
    }
  }

  #array(plan: ValuePlan, name: string, isNull: boolean, flexible: boolean): void {
    const count = isNull ? 0 : this.#values.count(name)
    if (flexible) {
      this.#mark('uvarint')
      this.#uvarint(isNull ? 0 : count + 1)
    } else {
      this.#mark('int32')
      this.#int(isNull ? -1 : count, 4)
    }
    for (let i = 0; i < count; i++) this.#value(plan.element as ValuePlan, name, flexible)
  }

  #string(text: string | null, flexible: boolean): void {
    const bytes = text === null ? undefined : Buffer.from(text)
    if (flexible) {
      this.#mark('uvarint')
      this.#uvarint(bytes === undefined ? 0 : bytes.length + 1)
    } else {
      this.#mark('int16')
      this.#int(bytes === undefined ? -1 : bytes.length, 2)
    }
    if (bytes !== undefined) this.#raw(bytes)
  }

  #blob(bytes: Buffer | null, flexible: boolean): void {
    this.#mark(flexible ? 'uvarint' : 'int32')
    if (flexible) this.#uvarint(bytes === null ? 0 : bytes.length + 1)
    else this.#int(bytes === null ? -1 : bytes.length, 4)
    if (bytes !== null) this.#raw(bytes)
  }

  /** A length, then what `write` writes. */
  #sized(write: () => void): void {
    const start = this.#at
    write()
    const body = Buffer.from(this.#bytes.subarray(start, this.#at))
    this.#at = start
    this.#mark('uvarint')
    this.#uvarint(body.length)
    this.#raw(body)
  }

  #mark(encoding: Mark['encoding']): void {
    this.#marks.push({ at: this.#at, encoding })
  }

  #int(value: number, bytes: 1 | 2 | 4): void {
    this.#room(bytes)
    const rest = value | 0
    if (bytes === 1) this.#bytes.writeInt8((rest << 24) >> 24, this.#at)
    else if (bytes === 2) this.#bytes.writeInt16BE((rest << 16) >> 16, this.#at)
    else this.#bytes.writeInt32BE(rest, this.#at)
    this.#at += bytes
  }

  #int64(value: number): void {
    this.#room(8)
    // Beyond what a number can hold exactly is refused, and so would not be a good request.
    const safe = Math.max(Math.min(value, Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER)
    this.#at = this.#bytes.writeBigInt64BE(BigInt(safe), this.#at)
  }

  #uvarint(value: number): void {
    this.#room(5)
    let rest = value >>> 0
    while (rest > 127) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.#at++] = rest
  }

  #raw(bytes: Buffer): void {
    this.#room(bytes.length)
    this.#at += bytes.copy(this.#bytes, this.#at)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#at + bytes))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}
