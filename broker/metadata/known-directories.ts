import { type DirectoriesRecord, fromValue, keys, toValue } from './records.ts'
import type { MetadataStore } from './store.ts'

/**
 * The ids (`directory.id` of meta.properties) of the log directories in which partitions of this node may lie. Kafka
 * keeps them in the broker's registration (KIP-858) for the same reason: a volume that is not mounted looks like an empty
 * folder, and without them its partitions would be made anew, empty, under the same topics.
 */
export async function readKnownDirectories(store: MetadataStore, nodeId: number): Promise<readonly string[]> {
  const item = await store.get(keys.directories(nodeId))
  return item === undefined ? [] : fromValue<DirectoriesRecord>(item).ids
}

/** Writes them if they have changed. @throws {MetadataStoreError} */
export async function writeKnownDirectories(
  store: MetadataStore,
  nodeId: number,
  ids: readonly string[],
): Promise<void> {
  const before = await readKnownDirectories(store, nodeId)
  if (before.length === ids.length && ids.every((id) => before.includes(id))) return
  const record: DirectoriesRecord = { ids }
  await store.txn([], [{ put: keys.directories(nodeId), value: toValue(record) }])
}
