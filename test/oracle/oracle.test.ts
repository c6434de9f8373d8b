import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { handlers } from '../../broker/handlers/registry.ts'
import { CreateTopics } from '../../protocol/apis/topics.ts'
import { compareTranscripts, differences } from './compare.ts'
import { fill } from './fill.ts'
import { isListed, listedDifferences, matches } from './listed.ts'
import { masked } from './masks.ts'
import { Stage } from './stage.ts'
import { themes } from './themes/index.ts'

/** The judge judged: what `make oracle` compares, and that it compares enough. It needs no Java. */

describe('comparing', () => {
  it('tells each place where two answers differ', () => {
    expect(differences({ a: 1, b: [1, 2], c: null }, { a: 2, b: [1, 3], c: null })).toEqual([
      { at: '.a', kafka: 1, odradek: 2 },
      { at: '.b[1]', kafka: 2, odradek: 3 },
    ])
  })

  it('holds entries of lists against those of the same name, and tells what one side lacks', () => {
    const [one, other, third] = ['x', 'y', 'z'].map((name) => ({ name, value: 1 }))
    expect(differences([one, other], [third, one])).toEqual([
      { at: '[y]', kafka: other, odradek: undefined },
      { at: '[z]', kafka: undefined, odradek: third },
    ])
  })

  it('a name that stands twice is compared by place, so that no entry hides behind another', () => {
    const twice = [
      { name: 'x', errorCode: 0 },
      { name: 'x', errorCode: 42 },
    ]
    expect(differences(twice, [{ name: 'x', errorCode: 42 }])).toHaveLength(1)
    expect(differences(twice, twice)).toEqual([])
  })

  it('a step that one side did not come to is a difference', () => {
    const answer = { errorCode: 0 }
    expect(
      compareTranscripts(
        [
          { step: 'a', answer },
          { step: 'b', answer },
        ],
        [{ step: 'a', answer }],
      ),
    ).toEqual([{ at: 'b', kafka: answer, odradek: '(did not come to this)' }])
  })
})

describe('masking', () => {
  const stage = () => new Stage({ name: 'Kafka', bootstrap: '127.0.0.1:1234', settlesInMs: 0 }, '-r1')
  const answerOf = (answer: unknown, from = stage()) =>
    masked(from, [{ step: 's', answer }], 1_000_000_000_000)[0]!.answer

  it('names lose what tells runs apart, ids of topics become their names, other ids their order', () => {
    const from = stage()
    from.learnIds({ name: 't-r1', topicId: 'AAAAAAAAAAAAAAAAAAAAZg' })
    const uuid = '11111111-2222-3333-4444-555555555555'
    expect(
      answerOf({ topicId: 'AAAAAAAAAAAAAAAAAAAAZg', text: `t-r1 at 127.0.0.1:1234`, memberId: `a-${uuid}` }, from),
    ).toEqual({
      topicId: '<id of t>',
      text: 't at <broker>',
      memberId: 'a-<uuid 1>',
    })
  })

  it('times of now are masked, other numbers are not', () => {
    expect(answerOf({ a: 1_000_000_000_500, b: 900_000_000_000, c: -1 })).toEqual({
      a: '<now>',
      b: 900_000_000_000,
      c: -1,
    })
  })

  it('lists come in the order of names, numbers as numbers', () => {
    expect(answerOf([10, 9, 1].map((partitionIndex) => ({ partitionIndex })))).toEqual(
      [1, 9, 10].map((partitionIndex) => ({ partitionIndex })),
    )
  })
})

describe('docs/differences.md', () => {
  it('is a table that can be read, and each row has its reason', () => {
    expect(listedDifferences().length).toBeGreaterThan(0)
  })

  it('a row matches by patterns of case, place and both values', () => {
    const [row] = listedDifferences('| `theme / Api: *` | `Api.*.errorMessage` | `null` | `"*"` | why |')
    const difference = { at: 'Api.topics[t].errorMessage', kafka: null, odradek: 'a reason' }
    expect(isListed(row!, 'theme / Api: case', difference)).toBe(true)
    expect(isListed(row!, 'theme / Other: case', difference)).toBe(false)
    expect(isListed(row!, 'theme / Api: case', { ...difference, kafka: 'no' })).toBe(false)
  })

  it('a row without a reason is refused', () => {
    expect(() => listedDifferences('| `*` | `*` | `*` | `*` |  |')).toThrow('line 1')
  })

  it.each([
    ['*', 'anything', true],
    ['a*c', 'abc', true],
    ['a*c', 'ac', true],
    ['a*a', 'a', false],
    ['a*b*c', 'a-c-b', false],
    ['[x]', 'x', false],
  ])('%s and %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected)
  })
})

describe('the cases', () => {
  it('a request says what differs from the fallbacks, at any depth', () => {
    expect(fill(CreateTopics.request, { topics: [{ name: 'a' }] })).toEqual({
      topics: [{ name: 'a', numPartitions: 0, replicationFactor: 0, assignments: [], configs: [] }],
      timeoutMs: 60_000,
      validateOnly: false,
    })
  })

  it('there are ten or more for each API that is served', () => {
    const titles = themes.flatMap(({ cases }) => cases.map(({ title }) => title))
    const counts = handlers.map(({ api: { name } }) => [
      name,
      titles.filter((title) => title.startsWith(`${name}: `)).length,
    ])
    expect(counts.filter(([, count]) => Number(count) < 10)).toEqual([])
  })

  it('each file of a theme is among the themes, and no title stands twice in one', () => {
    const files = readdirSync(join(import.meta.dirname, 'themes')).filter((name) => name !== 'index.ts')
    const index = readFileSync(join(import.meta.dirname, 'themes/index.ts'), 'utf8')
    expect(files.filter((name) => !index.includes(`./${name}`))).toEqual([])
    for (const { cases } of themes) {
      const titles = cases.flatMap(({ title, versions }) => versions.map((version) => `${title} v${version}`))
      expect(titles.filter((title, at) => titles.indexOf(title) !== at)).toEqual([])
    }
  })
})
