/**
 * CRC-32C by "slicing by 16" in WebAssembly, assembled here from its few instructions: 16 bytes a round, one table
 * look-up for each of them. Below some 500 bytes a call into a native addon costs more than this takes in all.
 *
 * Memory of the module (two pages): 16 tables of 256 int32 from 0 on, then the bytes of one call.
 */

/** Bytes that one call takes at most. */
export const WASM_MAX_BYTES = 8192

interface WasmCrc {
  /** Where the bytes to be summed are put. */
  readonly input: Uint8Array
  /** Takes and gives the inner state: the complement of a CRC. */
  readonly update: (state: number, length: number) => number
}

const TABLES_BYTES = 16 * 256 * 4
const INPUT_AT = TABLES_BYTES

/**
 * Builds the module and fills its tables.
 * @param tables 16 x 256 entries: table t holds the CRC of a byte followed by t zero bytes
 * @returns undefined where WebAssembly is missing or forbidden
 */
export function buildWasmCrc(tables: Uint32Array): WasmCrc | undefined {
  const wasm = (globalThis as { WebAssembly?: WasmApi }).WebAssembly
  if (wasm === undefined) return undefined
  let instance: WasmInstance
  try {
    instance = new wasm.Instance(new wasm.Module(moduleBytes()))
  } catch (error) {
    // An embedder that forbids code generation: the tables in JavaScript give the same sums, only slower.
    if (error instanceof wasm.CompileError || error instanceof RangeError) return undefined
    throw error
  }
  const { memory, update } = instance.exports
  new Uint32Array(memory.buffer, 0, tables.length).set(tables)
  return { input: new Uint8Array(memory.buffer, INPUT_AT, WASM_MAX_BYTES), update }
}

/** What we use of WebAssembly; its types come with the browser's library, which we do not load. */
interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => WasmInstance
  readonly CompileError: new () => Error
}
interface WasmInstance {
  readonly exports: { memory: { buffer: ArrayBuffer }; update: (state: number, length: number) => number }
}

// Instructions, by their names in the WebAssembly specification.
const LOOP = 0x03
const BLOCK = 0x02
const END = 0x0b
const BR = 0x0c
const BR_IF = 0x0d
const VOID = 0x40
const LOCAL_GET = 0x20
const LOCAL_SET = 0x21
const I32_LOAD = 0x28
const I32_LOAD8_U = 0x2d
const I32_CONST = 0x41
const I32_EQZ = 0x45
const I32_LT_S = 0x48
const I32_ADD = 0x6a
const I32_SUB = 0x6b
const I32_AND = 0x71
const I32_XOR = 0x73
const I32_SHL = 0x74
const I32_SHR_U = 0x76
const I32 = 0x7f

// The locals of `update(state, length)`.
const STATE = 0
const LENGTH = 1
const AT = 2

function moduleBytes(): Uint8Array {
  const body = [
    ...[1, 1, I32], // one more local: AT
    ...[I32_CONST, ...signed(INPUT_AT), LOCAL_SET, AT],
    // while (length >= 16) { state = sixteen look-ups; at += 16; length -= 16 }
    ...[BLOCK, VOID, LOOP, VOID],
    ...[LOCAL_GET, LENGTH, I32_CONST, 16, I32_LT_S, BR_IF, 1],
    ...[LOCAL_GET, STATE, LOCAL_GET, AT, I32_LOAD, 2, 0, I32_XOR, LOCAL_SET, STATE],
    ...sixteenLookups(),
    ...[LOCAL_SET, STATE],
    ...[LOCAL_GET, AT, I32_CONST, 16, I32_ADD, LOCAL_SET, AT],
    ...[LOCAL_GET, LENGTH, I32_CONST, 16, I32_SUB, LOCAL_SET, LENGTH],
    ...[BR, 0, END, END],
    // while (length != 0) { state = table0[(state ^ byte) & 255] ^ (state >>> 8); at += 1; length -= 1 }
    ...[BLOCK, VOID, LOOP, VOID],
    ...[LOCAL_GET, LENGTH, I32_EQZ, BR_IF, 1],
    ...lookup(0, [LOCAL_GET, STATE, LOCAL_GET, AT, I32_LOAD8_U, 0, 0, I32_XOR, I32_CONST, ...signed(255), I32_AND]),
    ...[LOCAL_GET, STATE, I32_CONST, 8, I32_SHR_U, I32_XOR, LOCAL_SET, STATE],
    ...[LOCAL_GET, AT, I32_CONST, 1, I32_ADD, LOCAL_SET, AT],
    ...[LOCAL_GET, LENGTH, I32_CONST, 1, I32_SUB, LOCAL_SET, LENGTH],
    ...[BR, 0, END, END],
    ...[LOCAL_GET, STATE, END],
  ]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, [1, 0x60, 2, I32, I32, 1, I32]), // one type: (i32, i32) -> i32
    ...section(3, [1, 0]), // one function, of that type
    ...section(5, [1, 0, 2]), // a memory of two pages: 128 KiB
    ...section(7, [2, ...name('memory'), 2, 0, ...name('update'), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ])
}

/** The four bytes of STATE, which has the first word in it already, then twelve bytes from memory; XORed together. */
function sixteenLookups(): number[] {
  const code: number[] = []
  for (let byte = 0; byte < 16; byte++) {
    const shift = [LOCAL_GET, STATE, I32_CONST, byte * 8, I32_SHR_U, I32_CONST, ...signed(255), I32_AND]
    const index = byte < 4 ? shift : [LOCAL_GET, AT, I32_LOAD8_U, 0, byte]
    code.push(...lookup(15 - byte, index))
    if (byte > 0) code.push(I32_XOR)
  }
  return code
}

/** table[index], where `index` is code that leaves 0 to 255 on the stack. */
function lookup(table: number, index: number[]): number[] {
  return [...index, I32_CONST, 2, I32_SHL, I32_LOAD, 2, ...unsigned(table * 1024)]
}

function section(id: number, content: number[]): number[] {
  return [id, ...unsigned(content.length), ...content]
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text)]
}

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

/** Signed LEB128 of a value that is not negative: one more byte when the sign bit would be set. */
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)]
}
