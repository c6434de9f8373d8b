import { Fetch } from '../../../protocol/apis/fetch.ts'
import { JoinGroup } from '../../../protocol/apis/group-membership.ts'
import { Metadata } from '../../../protocol/apis/metadata.ts'
import { InitProducerId } from '../../../protocol/apis/producers.ts'
import { decodeResponseFrame } from '../../../protocol/schema/message.ts'
import type { Facts } from './facts.ts'
import type { Frame } from './frames.ts'

/**
 * Reads the answer to a request that was sent as it was made, and remembers what it tells.
 * @throws when it cannot be read: then the broker has sent nonsense
 */
export function learn(frame: Frame, answer: Buffer, facts: Facts): void {
  const { version } = frame
  switch (frame.api.key) {
    case JoinGroup.key: {
      const { value } = decodeResponseFrame(JoinGroup, version, answer)
      if (value.memberId === '') return
      const { groupId } = frame.membership
      facts.memberships.add({ groupId, memberId: value.memberId, generationId: value.generationId })
      return
    }
    case Fetch.key: {
      const { value } = decodeResponseFrame(Fetch, version, answer)
      if (value.sessionId !== 0) facts.sessions.add({ id: value.sessionId, epoch: 1 })
      return
    }
    case Metadata.key: {
      const { value } = decodeResponseFrame(Metadata, version, answer)
      for (const { errorCode, topicId } of value.topics) if (errorCode === 0) facts.topicIds.add(topicId)
      return
    }
    case InitProducerId.key: {
      const { value } = decodeResponseFrame(InitProducerId, version, answer)
      if (value.errorCode === 0) facts.producers.add({ id: value.producerId, epoch: value.producerEpoch, sequence: 0 })
      return
    }
    default:
      decodeResponseFrame(frame.api, version, answer)
  }
}
