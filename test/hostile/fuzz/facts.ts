import type { Dice } from './dice.ts'

/** A place in a group, as an answer to JoinGroup gave it. */
export interface Membership {
  readonly groupId: string
  readonly memberId: string
  readonly generationId: number
}

/**
 * What answers have told, so that later requests can be about things that there are: members of groups, ids of topics,
 * fetch sessions, producers. Old facts make way for new ones; a request may well be about one that is not true any more.
 */
export class Facts {
  readonly memberships = new Recent<Membership>([{ groupId: 'fuzz-group-0', memberId: '', generationId: -1 }])
  readonly topicIds = new Recent<string>(['AAAAAAAAAAAAAAAAAAAAAA'])
  readonly sessions = new Recent<{ readonly id: number; epoch: number }>([{ id: 0, epoch: -1 }])
  readonly producers = new Recent<{ readonly id: number; readonly epoch: number; sequence: number }>([
    { id: -1, epoch: -1, sequence: -1 },
  ])
}

/** The newest few of a kind. */
export class Recent<T> {
  readonly #items: T[]
  readonly #first: T
  #next = 0

  /** @param start always there */
  constructor(start: readonly [T]) {
    this.#items = [...start]
    this.#first = start[0]
  }

  add(item: T): void {
    this.#next = (this.#next + 1) % MOST_FACTS
    this.#items[this.#next] = item
  }

  /** Now and then the one that was there from the start. */
  pick(dice: Dice): T {
    return dice.chance(10) ? this.#first : dice.pick(this.#items.filter((item) => item !== undefined))
  }
}

const MOST_FACTS = 8
