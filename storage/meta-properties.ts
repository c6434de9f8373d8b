import { replaceFileSync } from './atomic-file.ts'
import { StorageError } from './errors.ts'
import { metaPropertiesFileName } from './file-names.ts'
import type { FileSystem } from './file-system.ts'

/**
 * `meta.properties` at the top of a log directory says whose it is:
 *
 *   version=1
 *   cluster.id=vPeOCWypqUOSepEvx0cbog
 *   node.id=1
 *   directory.id=ZmnZOq5PqTeGVWPCEWEOMw
 *
 * Version 0 (ZooKeeper days) has `broker.id` for `node.id` and no `directory.id`.
 */
export interface MetaProperties {
  readonly clusterId: string | undefined
  readonly nodeId: number | undefined
  readonly directoryId: string | undefined
}

/**
 * What the folder says of itself; `undefined` if it says nothing, so is new.
 * @throws {StorageError} CORRUPT: not as Kafka writes it
 */
export function readMetaProperties(fileSystem: FileSystem, folder: string): MetaProperties | undefined {
  const path = `${folder}/${metaPropertiesFileName}`
  if (!fileSystem.exists(path)) return undefined
  const properties = parse(fileSystem.readFile(path, 1 << 20).toString('utf8'))
  const version = properties.get('version')
  if (version !== '0' && version !== '1') {
    throw new StorageError('CORRUPT', path, `${path} has version ${version ?? 'missing'}; 0 and 1 are known`)
  }
  const nodeId = properties.get(version === '1' ? 'node.id' : 'broker.id')
  if (nodeId !== undefined && !/^\d{1,10}$/.test(nodeId)) {
    throw new StorageError('CORRUPT', path, `${path} has no number as node id`)
  }
  return {
    clusterId: properties.get('cluster.id'),
    nodeId: nodeId === undefined ? undefined : Number(nodeId),
    directoryId: properties.get('directory.id'),
  }
}

/** Writes version 1, atomically, and waits for the disk. */
export function writeMetaProperties(
  fileSystem: FileSystem,
  folder: string,
  properties: { clusterId: string; nodeId: number; directoryId: string },
): void {
  const lines = [
    'version=1',
    `cluster.id=${escaped(properties.clusterId)}`,
    `node.id=${properties.nodeId}`,
    `directory.id=${escaped(properties.directoryId)}`,
    '',
  ]
  replaceFileSync(fileSystem, `${folder}/${metaPropertiesFileName}`, Buffer.from(lines.join('\n')))
}

/** The part of Java's properties syntax that such files use: comments, `key=value`, backslash before what is special. */
function parse(text: string): Map<string, string> {
  const properties = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#!\s=:][^\s=:]*)\s*[=:]\s*(.*)$/.exec(line)
    if (match !== null) properties.set(match[1]!, match[2]!.replace(/\\(.)/g, '$1'))
  }
  return properties
}

function escaped(value: string): string {
  return value.replace(/[\\=:#! ]/g, '\\$&')
}
