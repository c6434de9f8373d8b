/**
 * Hot path. Checksums of batches: CRC-32C (Castagnoli) for magic 2, CRC-32 for the messages before it.
 *
 * Cost per call: below 512 bytes no call into an addon and no allocation (WebAssembly, some 2 GB/s); above it one view
 * and one call into @node-rs/crc32 (4 GB/s). Without the addon WebAssembly does it all, and without that JavaScript.
 */
import { createRequire } from 'node:module'
import { buildWasmCrc, WASM_MAX_BYTES } from './crc32c-wasm.ts'

/** From here on the addon wins, although each call of it costs some 150 ns before it has summed a byte. */
const NATIVE_FROM_BYTES = 512

const CASTAGNOLI = 0x82f6_3b78
const IEEE = 0xedb8_8320

/**
 * CRC-32C of [start, end), unsigned.
 * @param previous the CRC of the bytes before these, to sum in pieces
 */
export function crc32c(buffer: Buffer, start = 0, end = buffer.length, previous = 0): number {
  const length = end - start
  if (length >= NATIVE_FROM_BYTES) {
    const addon = native()
    if (addon !== undefined) return addon.crc32c(buffer.subarray(start, end), previous)
  }
  return crc32cWithoutAddon(buffer, start, end, previous)
}

/** The same without the addon, of whatever size; exported so that a test can hold all three together. */
export function crc32cWithoutAddon(buffer: Buffer, start = 0, end = buffer.length, previous = 0): number {
  const wasm = wasmCrc()
  if (wasm === undefined) return crc32cInJavaScript(buffer, start, end, previous)
  let state = ~previous
  for (let at = start; at < end; ) {
    const size = Math.min(end - at, WASM_MAX_BYTES)
    buffer.copy(wasm.input, 0, at, at + size)
    state = wasm.update(state, size)
    at += size
  }
  return ~state >>> 0
}

/** The same without addon and WebAssembly. */
export function crc32cInJavaScript(buffer: Buffer, start = 0, end = buffer.length, previous = 0): number {
  const table = castagnoli()
  let state = ~previous
  for (let at = start; at < end; at++) state = (table[(state ^ buffer[at]!) & 0xff]! ^ (state >>> 8)) | 0
  return ~state >>> 0
}

/** CRC-32 (IEEE 802.3, as in gzip) of [start, end), unsigned. For magic 0 and 1 only, so it need not be quick. */
export function crc32(buffer: Buffer, start = 0, end = buffer.length): number {
  ieeeTable ??= tableOf(IEEE, 1)
  let state = ~0
  for (let at = start; at < end; at++) state = (ieeeTable[(state ^ buffer[at]!) & 0xff]! ^ (state >>> 8)) | 0
  return ~state >>> 0
}

type Addon = { crc32c(bytes: Uint8Array, previous: number): number }

// Loaded or built when first needed: a broker must be up before it needs any of this. They never change afterwards.
let addon: Addon | undefined | 'unknown' = 'unknown'
let wasm: ReturnType<typeof buildWasmCrc> | 'unknown' = 'unknown'
let castagnoliTables: Uint32Array | undefined
let ieeeTable: Uint32Array | undefined

function native(): Addon | undefined {
  if (addon === 'unknown') {
    try {
      addon = createRequire(import.meta.url)('@node-rs/crc32') as Addon
    } catch {
      // An optional dependency: no build of it for this platform, or installed without optional packages.
      addon = undefined
    }
  }
  return addon
}

function wasmCrc(): ReturnType<typeof buildWasmCrc> {
  if (wasm === 'unknown') wasm = buildWasmCrc(castagnoli())
  return wasm
}

function castagnoli(): Uint32Array {
  castagnoliTables ??= tableOf(CASTAGNOLI, 16)
  return castagnoliTables
}

/** Table 0 is that of the bytewise algorithm; entry i of table t is the CRC of byte i followed by t zero bytes. */
function tableOf(polynomial: number, tables: number): Uint32Array {
  const table = new Uint32Array(256 * tables)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ polynomial
    table[byte] = value
  }
  for (let at = 256; at < table.length; at++) {
    const shorter = table[at - 256]!
    table[at] = table[shorter & 0xff]! ^ (shorter >>> 8)
  }
  return table
}
