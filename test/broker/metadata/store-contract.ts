import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type MetadataStore, MetadataStoreError, type WatchEvent } from '../../../broker/metadata/store.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

/** What every MetadataStore must do, whatever is behind it. */
export function describeMetadataStore(name: string, open: () => Promise<MetadataStore>): void {
  describe(`the MetadataStore contract: ${name}`, () => {
    let store: MetadataStore
    beforeEach(async () => {
      store = await open()
    })
    afterEach(() => store.close())

    const put = (key: string, value: string) => store.txn([], [{ put: key, value: bytes(value) }])
    const keysOf = async (prefix: string) => (await store.list(prefix)).items.map(({ key }) => key)

    it('has nothing at first', async () => {
      expect(await store.get('a')).toBeUndefined()
      expect((await store.list('')).items).toEqual([])
    })

    it('gives back what was put, with the revisions of its making and of its last change', async () => {
      const first = await put('a', 'one')
      const second = await put('a', 'two')
      expect(second.revision).toBeGreaterThan(first.revision)
      expect(await store.get('a')).toEqual({
        key: 'a',
        value: bytes('two'),
        createRevision: first.revision,
        modRevision: second.revision,
      })
    })

    it('gives a key that was deleted and put again a new createRevision', async () => {
      const first = await put('a', 'one')
      await store.txn([], [{ delete: 'a' }])
      const again = await put('a', 'two')
      expect(again.revision).toBeGreaterThan(first.revision)
      expect((await store.get('a'))?.createRevision).toBe(again.revision)
    })

    it('keeps empty values, long ones, and keys of any characters', async () => {
      const long = Buffer.alloc(100_000, 'x')
      const ops = [
        { put: 'empty', value: Buffer.alloc(0) },
        { put: 'long', value: long },
        { put: 'config/group/Ü🐘 a/b', value: bytes('v') },
      ]
      await store.txn([], ops)
      expect((await store.get('empty'))?.value).toEqual(Buffer.alloc(0))
      expect((await store.get('long'))?.value.equals(long)).toBe(true)
      expect((await store.get('config/group/Ü🐘 a/b'))?.value).toEqual(bytes('v'))
    })

    it('lists below a prefix in the order of the keys’ bytes, at the newest revision', async () => {
      for (const key of ['b', 'a/2', 'a/10', 'a', 'a0', 'é']) await put(key, key)
      const { revision } = await put('z', '')
      expect(await keysOf('a/')).toEqual(['a/10', 'a/2'])
      expect(await keysOf('')).toEqual(['a', 'a/10', 'a/2', 'a0', 'b', 'z', 'é'])
      expect((await store.list('nothing')).items).toEqual([])
      expect((await store.list('')).revision).toBe(revision)
    })

    it('carries a txn out when all its compares hold', async () => {
      const { revision } = await put('a', 'one')
      const result = await store.txn(
        [
          { key: 'a', modRevision: revision },
          { key: 'a', createRevision: revision },
          { key: 'absent', createRevision: 0n },
          { key: 'absent', modRevision: 0n },
          { key: 'a', createRevisionIsNot: 0n },
        ],
        [{ put: 'b', value: bytes('x') }, { delete: 'a' }],
      )
      expect(result.succeeded).toBe(true)
      expect(await keysOf('')).toEqual(['b'])
    })

    it.each([
      ['modRevision', { key: 'a', modRevision: 0n }],
      ['createRevision', { key: 'a', createRevision: 0n }],
      ['createRevisionIsNot', { key: 'absent', createRevisionIsNot: 0n }],
    ])('does nothing of a txn when its %s does not hold', async (_name, compare) => {
      const { revision } = await put('a', 'one')
      const result = await store.txn([compare], [{ put: 'b', value: bytes('x') }, { delete: 'a' }])
      expect(result).toEqual({ succeeded: false, revision })
      expect(await keysOf('')).toEqual(['a'])
    })

    it('lets one of several quicker ones win', async () => {
      const claim = (by: string) =>
        store.txn([{ key: 'lock', createRevision: 0n }], [{ put: 'lock', value: bytes(by) }])
      const claims = await Promise.all(['a', 'b', 'c', 'd'].map(claim))
      expect(claims.filter(({ succeeded }) => succeeded)).toHaveLength(1)
      expect((await store.get('lock'))?.value).toEqual(bytes('a'))
    })

    it('deletes below a prefix, and puts of the same txn stay', async () => {
      for (const key of ['p/1', 'p/2', 'p', 'q/1']) await put(key, key)
      await store.txn([], [{ put: 'p/3', value: bytes('new') }, { deletePrefix: 'p/' }])
      expect(await keysOf('')).toEqual(['p', 'p/3', 'q/1'])
    })

    it('changes no revision when nothing changes', async () => {
      const { revision } = await put('a', 'one')
      expect(await store.txn([], [{ delete: 'absent' }])).toEqual({ succeeded: true, revision })
    })

    it('refuses values, keys and txns over its limits, and keeps working', async () => {
      const { maxKeyBytes, maxValueBytes } = store.limits
      await expect(put('k'.repeat(maxKeyBytes + 1), '')).rejects.toMatchObject({ code: 'TOO_LARGE' })
      const tooLong = store.txn([], [{ put: 'a', value: Buffer.alloc(maxValueBytes + 1) }])
      await expect(tooLong).rejects.toMatchObject({ code: 'TOO_LARGE' })
      await put('k'.repeat(maxKeyBytes), 'longest')
      expect(await keysOf('')).toEqual(['k'.repeat(maxKeyBytes)])
    })

    it('found by the fuzzer: has nothing under a key of any length, and deletes it as it does others', async () => {
      const key = 'k'.repeat(100_000)
      expect(await store.get(key)).toBeUndefined()
      expect((await store.txn([{ key, createRevision: 0n }], [{ delete: key }])).succeeded).toBe(true)
      expect((await store.list(key)).items).toEqual([])
    })

    it('tells a watcher all changes below its prefix from a revision on, in order', async () => {
      const { revision } = await put('a/1', 'before')
      const seen = watched(store, 'a/', revision)
      await put('b/1', 'elsewhere')
      await put('a/2', 'two')
      await store.txn([], [{ delete: 'a/1' }, { put: 'a/3', value: bytes('three') }])
      expect(await seen.take(3)).toEqual(['put a/2', 'delete a/1', 'put a/3'])
      await put('a/4', 'four')
      expect(await seen.take(1)).toEqual(['put a/4'])
      await seen.stop()
    })

    it('tells a watcher also what happened before it began to watch', async () => {
      const { revision } = await put('a/1', 'one')
      await put('a/2', 'two')
      const seen = watched(store, 'a/', revision)
      expect(await seen.take(1)).toEqual(['put a/2'])
      await seen.stop()
    })

    it('ends a watch with compacted when it does not know any more what happened', async () => {
      const { revision } = await put('a/1', 'one')
      for (let i = 0; i < 50; i++) {
        const ops = Array.from({ length: 100 }, (_, at) => ({ put: `a/${at}`, value: bytes(String(i)) }))
        await store.txn([], ops)
      }
      const seen = watched(store, 'a/', revision)
      expect(await seen.take(1)).toEqual(['compacted'])
      await seen.ended
    })

    it('ends a watch when the store closes', async () => {
      const seen = watched(store, '', 0n)
      await store.close()
      await seen.ended
    })

    it('binds a key to a session, whose token is the createRevision', async () => {
      const session = await store.openSession('nodes/1', bytes('me'), 10_000)
      const held = await store.get('nodes/1')
      expect(held?.value).toEqual(bytes('me'))
      expect(held?.createRevision).toBe(session.token)
      expect(session.isFresh(0)).toBe(true)
    })

    it('gives a key that is held to nobody else', async () => {
      await store.openSession('nodes/1', bytes('me'), 10_000)
      await expect(store.openSession('nodes/1', bytes('other'), 10_000)).rejects.toMatchObject({ code: 'EXISTS' })
    })

    it('takes the keys of a session away with it, and makes writes fenced by its token fail', async () => {
      const session = await store.openSession('nodes/1', bytes('me'), 10_000)
      await store.txn(
        [],
        [
          { put: 'also', value: bytes('mine'), session },
          { put: 'other', value: bytes('stays') },
        ],
      )
      await store.txn([], [{ put: 'nodes/1', value: bytes('changed'), session }])
      await session.close()
      expect(await session.lost).toBe('closed')
      expect(session.isFresh(0)).toBe(false)
      expect(await keysOf('')).toEqual(['other'])
      const late = await store.txn(
        [{ key: 'nodes/1', createRevision: session.token }],
        [{ put: 'x', value: bytes('') }],
      )
      expect(late.succeeded).toBe(false)
      const next = await store.openSession('nodes/1', bytes('me again'), 10_000)
      expect(next.token).toBeGreaterThan(session.token)
    })

    it('tells the holder when somebody deleted its key', async () => {
      const session = await store.openSession('nodes/1', bytes('me'), 10_000)
      await store.txn([], [{ delete: 'nodes/1' }])
      expect(await session.lost).toBe('deleted')
    })

    it('refuses everything once it is closed', async () => {
      await store.close()
      await expect(store.get('a')).rejects.toThrow(MetadataStoreError)
      await expect(store.list('')).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(put('a', '')).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(store.openSession('a', bytes(''), 1)).rejects.toMatchObject({ code: 'CLOSED' })
    })
  })
}

/** Follows a watch, and hands its events over one by one as words. */
function watched(store: MetadataStore, prefix: string, after: bigint) {
  const abort = new AbortController()
  const events: string[] = []
  let wake = () => {}
  const ended = (async () => {
    for await (const batch of store.watch(prefix, after, abort.signal)) {
      events.push(...batch.map(inWords))
      wake()
    }
  })()
  return {
    ended,
    async take(count: number): Promise<string[]> {
      while (events.length < count) await new Promise<void>((resolve) => (wake = resolve))
      return events.splice(0, count)
    },
    async stop(): Promise<void> {
      abort.abort()
      await ended
    },
  }
}

function inWords(event: WatchEvent): string {
  switch (event.type) {
    case 'put':
      return `put ${event.kv.key}`
    case 'delete':
      return `delete ${event.key}`
    case 'compacted':
      return 'compacted'
  }
}
