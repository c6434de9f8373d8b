import { prepareConsume } from './consume.ts'
import { prepareEndToEnd } from './end-to-end.ts'
import type { Job, PreparedLoad } from './jobs.ts'
import { prepareProduce } from './produce.ts'

/** Opens the connections of a job and prepares its bytes. @throws when the broker cannot be reached */
export async function prepare(job: Job): Promise<PreparedLoad> {
  switch (job.kind) {
    case 'produce':
      return prepareProduce(job)
    case 'consume':
      return prepareConsume(job)
    case 'endToEnd':
      return prepareEndToEnd(job)
    case 'kafkajsProduce':
      return (await import('./kafkajs.ts')).prepareKafkajsProduce(job)
    case 'kafkajsConsume':
      return (await import('./kafkajs.ts')).prepareKafkajsConsume(job)
  }
}
