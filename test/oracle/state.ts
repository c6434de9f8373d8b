/** What a case left behind in the topics and groups that it named. */
import { DescribeConfigs } from '../../protocol/apis/configs.ts'
import { DescribeGroups } from '../../protocol/apis/group-admin.ts'
import { OffsetFetch } from '../../protocol/apis/group-offsets.ts'
import { ListOffsets } from '../../protocol/apis/list-offsets.ts'
import { Metadata } from '../../protocol/apis/metadata.ts'
import type { Entry, Stage } from './stage.ts'

const TOPIC = 2
const [LATEST, EARLIEST] = [-1, -2]
/** Set for this topic, not a default. */
const TOPIC_CONFIG = 1

/** Looks with requests of one version each: the versions have cases of their own. */
export async function stateAfter(stage: Stage): Promise<Entry[]> {
  const entries: Entry[] = []
  const topics = [...stage.topics].filter((name) => Buffer.byteLength(name) < 1000)
  if (topics.length > 0) {
    const metadata = await stage.quietly(Metadata, 12, {
      topics: topics.map((name) => ({ name })),
      allowAutoTopicCreation: false,
    })
    stage.learnIds(metadata)
    const there = metadata.topics.filter(({ errorCode }) => errorCode === 0)
    entries.push({ step: 'afterwards Metadata', answer: metadata.topics })
    if (there.length > 0) entries.push(...(await ofTopics(stage, there)))
  }
  const groups = [...stage.groups]
  if (groups.length > 0) entries.push(...(await ofGroups(stage, groups)))
  return entries
}

type MetadataTopic = {
  readonly name: string | null
  readonly partitions: readonly { readonly partitionIndex: number }[]
}

async function ofTopics(stage: Stage, topics: readonly MetadataTopic[]): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const [place, timestamp] of [
    ['latest', LATEST],
    ['earliest', EARLIEST],
  ] as const) {
    const answer = await stage.quietly(ListOffsets, 7, {
      replicaId: -1,
      topics: topics.map(({ name, partitions }) => ({
        name: name ?? '',
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, timestamp })),
      })),
    })
    entries.push({ step: `afterwards ListOffsets ${place}`, answer: answer.topics })
  }
  const configs = await stage.quietly(DescribeConfigs, 4, {
    resources: topics.map(({ name }) => ({ resourceType: TOPIC, resourceName: name ?? '', configurationKeys: null })),
  })
  const changed = configs.results.map(({ resourceName, errorCode, configs }) => ({
    resourceName,
    errorCode,
    configs: configs
      .filter(({ configSource }) => configSource === TOPIC_CONFIG)
      .map(({ name, value }) => ({ name, value })),
  }))
  entries.push({ step: 'afterwards DescribeConfigs', answer: changed })
  return entries
}

async function ofGroups(stage: Stage, groups: readonly string[]): Promise<Entry[]> {
  const described = await stage.quietly(DescribeGroups, 5, { groups })
  const offsets = await stage.quietly(OffsetFetch, 8, { groups: groups.map((groupId) => ({ groupId, topics: null })) })
  return [
    { step: 'afterwards DescribeGroups', answer: described.groups },
    { step: 'afterwards OffsetFetch', answer: offsets.groups },
  ]
}
