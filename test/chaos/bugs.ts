import type { Stage } from './campaign.ts'
import type { AnomalyKind } from './checks/findings.ts'
import { killer } from './nemesis.ts'

/** How a bug shows: what has to happen to the broker, and which of these anomalies the checker then finds. */
export interface Proof {
  readonly nemesis: (stage: Stage) => Promise<void>
  readonly shows: readonly AnomalyKind[]
  /** Without the fault library, nothing shows it. */
  readonly needsFaults: boolean
}

const killed = (kills: number): Pick<Proof, 'nemesis' | 'needsFaults'> => ({
  nemesis: killer({ kills, ways: ['kill'], lifeMs: [200, 400], progress: [80, 10] }),
  needsFaults: false,
})

const poweredOff = (kills: number): Pick<Proof, 'nemesis' | 'needsFaults'> => ({
  nemesis: killer({ kills, ways: ['power'], lifeMs: [200, 400], progress: [80, 10] }),
  needsFaults: true,
})

const killedAtCalls = (kills: number): Pick<Proof, 'nemesis' | 'needsFaults'> => ({
  nemesis: killer({ kills, ways: ['at a call'], lifeMs: [200, 400], progress: [80, 10] }),
  needsFaults: true,
})

/** What is wrong with each broken broker (broken-broker.ts), by what it does. */
export const bugs = {
  'acknowledges before the sync': { ...poweredOff(5), shows: ['lost'] },
  'shows before the sync': { ...poweredOff(5), shows: ['vanished', 'watermark went back', 'position lost'] },
  'acknowledges before the write': { ...killedAtCalls(6), shows: ['lost', 'acknowledged, invisible'] },
  'never syncs': { ...poweredOff(3), shows: ['lost', 'vanished'] },
  'tries a failed sync again': {
    nemesis: failingSyncs,
    needsFaults: true,
    shows: ['lost', 'vanished', 'position lost'],
  },
  'takes a short write for a whole one': {
    nemesis: shortWrites,
    needsFaults: true,
    shows: ['lost', 'vanished', 'position lost', 'unread'],
  },
  'cuts one batch too many': { ...killed(3), shows: ['lost', 'vanished', 'two values'] },
  'forgets its producers': { ...killed(8), shows: ['duplicate'] },
  'takes repeats for new batches': { ...killed(8), shows: ['duplicate'] },
  'gives producer ids twice': { ...killed(1), shows: ['producer id reused'] },
  'skips a record now and then': { ...killed(3), shows: ['skip'] },
  'answers commits before they are safe': { ...poweredOff(5), shows: ['commit went back'] },
  'forgets the last commits': { ...killed(2), shows: ['commit went back'] },
} as const satisfies Record<string, Proof>

export type Bug = keyof typeof bugs

/** The disk fails to take some bytes and says so once; then the power goes. */
async function failingSyncs(stage: Stage): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await stage.serves(40)
    stage.faults?.arm({ on: 'sync', action: 'fail', suffix: '.log' })
    await stage.serves(40)
    await stage.cutPower()
    await stage.start()
  }
}

async function shortWrites(stage: Stage): Promise<void> {
  await stage.serves(40)
  stage.faults?.arm({ on: 'write', action: 'short', suffix: '.log', nth: 3, times: 3 })
  await stage.serves(40)
  await stage.kill()
  await stage.start()
}
