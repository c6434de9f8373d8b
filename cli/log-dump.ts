import { resolve } from 'node:path'
import { NodeFileSystem, StorageError } from '../storage/index.ts'
import { type DumpItem, dumpFile, filesToDump } from '../storage/inspect/index.ts'
import { itemAsJson, itemAsText } from './dump-format.ts'
import { Output } from './output.ts'
import { decodeOffsetsRecord } from './stored-offsets.ts'

/**
 * `odradek log dump`: all that is in the files, one line for each thing.
 * @returns the exit code: 1 when something cannot be read
 */
export async function logDump(
  paths: readonly string[],
  { records = false, json = false }: { readonly records?: boolean; readonly json?: boolean },
): Promise<number> {
  const fileSystem = new NodeFileSystem()
  const output = new Output()
  const isFile = paths.length === 1 && fileSystem.stat(resolve(paths[0]!))?.kind === 'file'
  let exitCode = 0
  for (const file of paths.flatMap((path) => filesToDump(fileSystem, resolve(path)))) {
    if (!json && !(await output.line(`# ${file}`))) return exitCode
    const decode = records && /(?:^|\/)__consumer_offsets-\d+\/[^/]*$/.test(file) ? decodeOffsetsRecord : undefined
    const print = (item: DumpItem) => output.line(json ? itemAsJson(file, item, decode) : itemAsText(item, decode))
    try {
      for await (const item of dumpFile(file, { fileSystem, records })) {
        if (item.type === 'damage') exitCode = 1
        if (!(await print(item))) return exitCode
      }
    } catch (error) {
      // One damaged file does not keep the others from being told; it alone is what was asked for otherwise.
      if (isFile || !(error instanceof StorageError)) throw error
      exitCode = 1
      console.error(`odradek: ${error.message}`)
    }
  }
  return exitCode
}
