import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What the tests of the repository read: its files, their imports, and their code without the comments. */

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** The text of a file, given as a path from the root. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8')

/** All files below the folders, as paths from the root with `/`. A folder that is not there has none. */
export function filesIn(...folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/')),
  )
}

export const typescriptIn = (...folders: readonly string[]): string[] =>
  filesIn(...folders).filter((path) => path.endsWith('.ts'))

/** What ships: everything that a broker is made of. */
export const sources = (): string[] => typescriptIn('protocol', 'storage', 'broker', 'http', 'cli')

/** The code of a file with its comments blanked out, line by line, so that numbers of lines stay. */
export function codeOf(path: string): string {
  return read(path)
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1')
}

export interface Import {
  /** A path from the root for our own modules, else the name of a package. */
  readonly target: string
  readonly ours: boolean
  readonly typeOnly: boolean
}

/** Static, dynamic and re-exporting imports of a file. */
export function importsOf(path: string): Import[] {
  const code = codeOf(path)
  const found: Import[] = []
  for (const match of code.matchAll(/\b(?:import|export)\s+(type\s)?(?:[\w*{}\s,$]+?\sfrom\s+)?['"]([^'"\n]+)['"]/g)) {
    found.push(toImport(path, match[2] ?? '', match[1] !== undefined))
  }
  for (const match of code.matchAll(/\bimport\(\s*['"]([^'"\n]+)['"]/g))
    found.push(toImport(path, match[1] ?? '', false))
  return found
}

function toImport(from: string, specifier: string, typeOnly: boolean): Import {
  const ours = specifier.startsWith('.')
  return { target: ours ? posix.join(posix.dirname(from), specifier) : specifier, ours, typeOnly }
}

/** `path:line` of each place in the code that `pattern` (with the flag g) matches. */
export function placesOf(path: string, pattern: RegExp, code = codeOf(path)): string[] {
  return [...code.matchAll(pattern)].map((match) => {
    const line = code.slice(0, match.index).split('\n').length
    return `${path}:${line} ${match[0].trim()}`
  })
}
