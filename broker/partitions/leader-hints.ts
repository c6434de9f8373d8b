import type { ErrorName } from '../../protocol/errors.ts'
import type { ClusterImage } from '../metadata/image.ts'

/** Where a client should go that asked the wrong node, or with an old epoch (KIP-951). */
export interface LeaderHint {
  readonly leaderId: number
  readonly leaderEpoch: number
}

export const NO_LEADER: LeaderHint = { leaderId: -1, leaderEpoch: -1 }

/** The errors that come with a hint. */
export const wantsHint = (error: ErrorName): boolean =>
  error === 'NOT_LEADER_OR_FOLLOWER' || error === 'FENCED_LEADER_EPOCH'

/** Who leads now, as far as the image knows. The topic is named by id where it has one, else by name. */
export function leaderHint(image: ClusterImage, topicId: string, topic: string, index: number): LeaderHint {
  const partition = (image.topicById(topicId) ?? image.topicByName(topic))?.partitions[index]
  return partition === undefined ? NO_LEADER : { leaderId: partition.leader, leaderEpoch: partition.leaderEpoch }
}

/** The addresses of the leaders that were named, each once, as the client's listener knows them. */
export function leaderEndpoints(image: ClusterImage, hints: readonly LeaderHint[], listener: string) {
  if (hints.length === 0) return []
  const ids = new Set(hints.map(({ leaderId }) => leaderId))
  return [...ids].flatMap((nodeId) => {
    const broker = image.brokers.get(nodeId)
    const address = broker?.listeners.find(({ name }) => name === listener)
    if (broker === undefined || address === undefined) return []
    return [{ nodeId, host: address.host, port: address.port, rack: broker.rack }]
  })
}
