/** The differences that we know and keep: the table of docs/differences.md. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Difference } from './compare.ts'

export interface ListedDifference {
  /** Patterns, in which `*` stands for any run of characters. */
  readonly theCase: string
  readonly at: string
  readonly kafka: string
  readonly odradek: string
  readonly line: number
}

export const differencesFile = join(import.meta.dirname, '../../docs/differences.md')

/** The rows of the file's table, whose first four cells are patterns in backquotes; the fifth is the reason. */
export function listedDifferences(text = readFileSync(differencesFile, 'utf8')): ListedDifference[] {
  const rows: ListedDifference[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (!line.startsWith('| `')) continue
    const cells = cellsOf(line)
    const [theCase, at, kafka, odradek, why] = cells
    if (cells.length !== 5 || why === '')
      throw new Error(`docs/differences.md, line ${index + 1}: not four patterns and a reason`)
    rows.push({ theCase: theCase!, at: at!, kafka: kafka!, odradek: odradek!, line: index + 1 })
  }
  return rows
}

export const isListed = (row: ListedDifference, theCase: string, { at, kafka, odradek }: Difference): boolean =>
  matches(row.theCase, theCase) &&
  matches(row.at, at) &&
  matches(row.kafka, shown(kafka)) &&
  matches(row.odradek, shown(odradek))

/** A value as the file and the report show it: on one line, without what would end a cell. */
export function shown(value: unknown): string {
  const text = value === undefined ? '(nothing)' : (JSON.stringify(value) ?? String(value))
  return text.replaceAll('|', '¦').replaceAll('`', "'")
}

/** Whether the text is the pattern, in which `*` stands for any run of characters. */
export function matches(pattern: string, text: string): boolean {
  const [first, ...rest] = pattern.split('*')
  if (rest.length === 0) return text === pattern
  if (!text.startsWith(first!)) return false
  const last = rest.pop()!
  let at = first!.length
  for (const piece of rest) {
    const found = text.indexOf(piece, at)
    if (found === -1) return false
    at = found + piece.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
    .map((cell) => (cell.startsWith('`') && cell.endsWith('`') ? cell.slice(1, -1) : cell))
