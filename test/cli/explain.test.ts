import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { explain, lastWords } from '../../cli/explain.ts'
import { StorageError } from '../../storage/errors.ts'

describe('explain', () => {
  it('names a taken HTTP port and what to do', async () => {
    const first = createServer()
    await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve))
    const bound = first.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0
    const error = await new Promise<Error>((resolve) => createServer().on('error', resolve).listen(port, '127.0.0.1'))
    expect(explain(error)).toBe(
      `cannot serve HTTP on 127.0.0.1:${port}: the port is taken by another program; choose another address with --set odradek.http.listen=127.0.0.1:PORT, or none with --set odradek.http.listen=`,
    )
    await new Promise((resolve) => first.close(resolve))
  })

  it('names an address that this machine does not have', async () => {
    const error = await new Promise<Error>((resolve) => createServer().on('error', resolve).listen(0, '192.0.2.1'))
    expect(explain(error)).toContain('cannot serve HTTP on 192.0.2.1: this machine has no such address')
  })

  it('says where storage failed, why, and what to do', () => {
    const error = new StorageError('LOCKED', '/var/data', '/var/data is in use by process 17')
    expect(explain(error)).toBe(
      '/var/data is in use by process 17: stop the broker that uses it, or take another folder with --set log.dirs=FOLDER',
    )
  })

  it('gives the stack of what nobody foresaw, and only of that', () => {
    expect(explain(new TypeError('x is undefined'))).toContain('explain.test.ts')
    const expected = Object.assign(new Error('server.properties:3: bad'), { name: 'ConfigError' })
    expect(explain(expected)).toBe('server.properties:3: bad')
    expect(explain('a string')).toBe('a string')
  })
})

describe('lastWords', () => {
  it('tells a disk that failed from a bug of ours', () => {
    const disk = new StorageError('IO', '/var/data', 'cannot datasync /var/data/orders-0: EIO')
    expect(lastWords(disk)).toBe('gave up: cannot datasync /var/data/orders-0: EIO')
    expect(lastWords(new TypeError('x is undefined'))).toMatch(
      /^stopped by a bug; the next start checks the logs\nTypeError/,
    )
  })
})
