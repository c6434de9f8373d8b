import { resolve } from 'node:path'
import { metadataFileProblem } from '../broker/index.ts'
import { lockHolder, NodeFileSystem } from '../storage/index.ts'
import { type Finding, type Tally, verify } from '../storage/inspect/index.ts'

/**
 * `odradek log verify`: findings as they come, `error FILE:POSITION: what`, and last what was looked at.
 * @returns the exit code: 1 when something is wrong
 */
export async function logVerify(
  paths: readonly string[],
  { compacted = false, json = false }: { readonly compacted?: boolean; readonly json?: boolean },
): Promise<number> {
  let errors = 0
  for (const path of paths) {
    const tally = await verify({
      fileSystem: new NodeFileSystem(),
      path: resolve(path),
      tell: (finding) => console.log(json ? JSON.stringify(finding) : findingLine(finding)),
      holderOf: lockHolder,
      metadataProblem: metadataFileProblem,
      compacted,
    })
    console.log(json ? JSON.stringify({ level: 'done', path, ...tally }) : `${path}: ${tallyLine(tally)}`)
    errors += tally.errors
  }
  return errors === 0 ? 0 : 1
}

/** `error /data/orders-0/00000000000000000000.log:1234: the batch at offset 57 does not match its checksum` */
function findingLine({ level, file, position, message }: Finding): string {
  const place = position === undefined ? file : `${file}:${position}`
  return `${level} ${place}: ${message}`
}

function tallyLine({ partitions, segments, batches, records, bytes, errors }: Tally): string {
  const counts = `${partitions} partitions, ${segments} segments, ${batches} batches, ${records} records, ${bytes} bytes`
  return `${counts}: ${errors === 0 ? 'no errors' : errors === 1 ? '1 error' : `${errors} errors`}`
}
