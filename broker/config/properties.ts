/** One `key=value` of a properties file, with the line (from 1) on which it begins. */
export interface Property {
  readonly key: string
  readonly value: string
  readonly line: number
}

/**
 * Reads Java's properties syntax: `#` and `!` comments, `=`, `:` or blanks between key and value, a backslash at the
 * end of a line to go on, `\t \n \r \f \uXXXX` and any other escaped character. A key that comes twice is returned twice,
 * the later one counts. Malformed `\u` escapes are read as they stand (Java refuses the whole file).
 */
export function parseProperties(text: string): Property[] {
  const properties: Property[] = []
  const lines = text.split(/\r\n|\n|\r/)
  for (let at = 0; at < lines.length; at++) {
    const line = at + 1
    let logical = trimStart(lines[at] ?? '')
    if (logical === '' || logical.startsWith('#') || logical.startsWith('!')) continue
    while (endsInContinuation(logical)) {
      at++
      logical = logical.slice(0, -1) + trimStart(lines[at] ?? '')
      if (at >= lines.length) break
    }
    const { key, value } = split(logical)
    properties.push({ key: unescaped(key), value: unescaped(value), line })
  }
  return properties
}

const isBlank = (char: string | undefined): boolean => char === ' ' || char === '\t' || char === '\f'

function trimStart(text: string): string {
  let from = 0
  while (isBlank(text[from])) from++
  return text.slice(from)
}

/** An odd number of backslashes at the end: the last one escapes the line end. */
function endsInContinuation(text: string): boolean {
  let slashes = 0
  while (text[text.length - 1 - slashes] === '\\') slashes++
  return slashes % 2 === 1
}

function split(text: string): { key: string; value: string } {
  let at = 0
  while (at < text.length && !isBlank(text[at]) && text[at] !== '=' && text[at] !== ':') {
    at += text[at] === '\\' ? 2 : 1
  }
  const key = text.slice(0, at)
  while (isBlank(text[at])) at++
  if (text[at] === '=' || text[at] === ':') at++
  while (isBlank(text[at])) at++
  return { key, value: text.slice(at) }
}

const controls = new Map([
  ['t', '\t'],
  ['n', '\n'],
  ['r', '\r'],
  ['f', '\f'],
])

function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  let out = ''
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '\\') {
      out += text[at]
      continue
    }
    at++
    const char = text[at] ?? ''
    const hex = text.slice(at + 1, at + 5)
    if (char === 'u' && /^[0-9a-fA-F]{4}$/.test(hex)) {
      out += String.fromCharCode(Number.parseInt(hex, 16))
      at += 4
    } else {
      out += controls.get(char) ?? char
    }
  }
  return out
}
