import { expect, it } from 'vitest'
import { COMPLAINT_INTERVAL_MS, Complaints } from '../../../broker/network/complaints.ts'
import { silentLogger } from '../../../broker/runtime/logger.ts'
import { FakeClock } from '../../support/fake-clock.ts'

it('one line of a kind in ten seconds is said, the next one tells how many were not', () => {
  const clock = new FakeClock()
  const lines: object[] = []
  const complaints = new Complaints(
    { ...silentLogger, warn: (fields, message) => lines.push({ ...fields, message }) },
    clock,
  )
  for (let i = 0; i < 5; i++) complaints.say('warn', 'http', { i }, 'not Kafka')
  complaints.say('warn', 'tls', {}, 'another kind')
  clock.advance(COMPLAINT_INTERVAL_MS)
  complaints.say('warn', 'http', { i: 5 }, 'not Kafka')
  clock.advance(COMPLAINT_INTERVAL_MS)
  complaints.say('warn', 'http', { i: 6 }, 'not Kafka')
  expect(lines).toEqual([
    { i: 0, message: 'not Kafka' },
    { message: 'another kind' },
    { i: 5, unsaid: 4, message: 'not Kafka' },
    { i: 6, message: 'not Kafka' },
  ])
})
