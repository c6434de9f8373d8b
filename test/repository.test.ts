import { accessSync, constants, existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { handlers } from '../broker/handlers/registry.ts'
import { registeredMetrics } from '../broker/runtime/metric-table.ts'
import { version } from '../broker/runtime/version.ts'
import { generatedParts, withPart } from '../scripts/write-docs.ts'
import { codeOf, filesIn, importsOf, placesOf, read, sources, typescriptIn } from './support/repository.ts'

/** Rules that the repository keeps about itself. Each failure lists the places, so that nobody has to search. */

describe('imports point down', () => {
  // Think hard about the layering before changing this table: what a folder may import, besides itself.
  const layers: Record<string, readonly string[]> = {
    protocol: [],
    storage: ['protocol/records/', 'protocol/assert.ts', 'protocol/errors.ts'],
    broker: ['storage/', 'protocol/'],
    http: ['broker/index.ts', 'broker/runtime/', 'protocol/'],
    cli: ['broker/index.ts', 'http/server.ts', 'storage/index.ts', 'storage/inspect/index.ts', 'protocol/'],
  }

  it.each(Object.entries(layers))('%s imports only what lies below it', (folder, below) => {
    const allowed = [`${folder}/`, ...below]
    expect(strayImports(typescriptIn(folder), (target) => allowed.some((prefix) => target.startsWith(prefix)))).toEqual(
      [],
    )
  })

  // Inside the broker: a file imports its own rank and what is below it.
  const ranks = [
    ['broker/coordinator/', 'broker/runtime/', 'broker/config/'],
    ['broker/partitions/', 'broker/groups/', 'broker/metadata/', 'broker/security/'],
    ['broker/handlers/', 'broker/services.ts'],
    ['broker/network/'],
  ]
  const rankOf = (path: string) => {
    const rank = ranks.findIndex((prefixes) => prefixes.some((prefix) => path.startsWith(prefix)))
    return rank === -1 ? ranks.length : rank
  }

  it('inside the broker: network, then handlers, then the domain, then coordinator, runtime and config', () => {
    const upward = typescriptIn('broker').flatMap((path) =>
      importsOf(path)
        .filter(({ ours, target }) => ours && target.startsWith('broker/') && rankOf(target) > rankOf(path))
        .map(({ target }) => `${path} imports ${target}`),
    )
    expect(upward).toEqual([])
  })

  it('no handler imports another: what two need belongs to the domain', () => {
    const shared = ['broker/handlers/handler.ts']
    const files = families().map((name) => `broker/handlers/${name}.ts`)
    const found = files.flatMap((path) =>
      importsOf(path)
        .filter(({ target }) => files.includes(target) && !shared.includes(target))
        .map(({ target }) => `${path} imports ${target}`),
    )
    expect(found).toEqual([])
  })

  it('every file is used: reachable from a broker, the command line, a bench or a script', () => {
    const roots = ['broker/index.ts', 'cli/main.ts', ...typescriptIn('bench', 'scripts')]
    const reached = new Set<string>()
    const visit = (path: string): void => {
      if (reached.has(path) || !existsSync(path)) return
      reached.add(path)
      for (const { ours, target } of importsOf(path)) if (ours) visit(target)
    }
    for (const path of roots) visit(path)
    expect(sources().filter((path) => !reached.has(path))).toEqual([])
  })
})

describe('what comes from outside is passed in', () => {
  const exempt = [
    'cli/',
    'http/',
    'storage/node-file-system.ts',
    'broker/runtime/system-clock.ts',
    'broker/runtime/random.ts',
  ]
  const files = sources().filter((path) => !exempt.some((prefix) => path.startsWith(prefix)))

  it.each([
    ['files', /from '(?:node:)?fs(?:\/promises)?'|require\('(?:node:)?fs/g],
    ['the time', /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bprocess\.hrtime\b/g],
    ['timers', /(?<![.\w])set(?:Timeout|Interval|Immediate)\(/g],
    ['chance', /\bMath\.random\b|\brandom(?:Bytes|UUID|Int|FillSync)\b/g],
  ])('%s', (_what, pattern) => {
    expect(files.flatMap((path) => placesOf(path, pattern))).toEqual([])
  })

  it('no pattern is made from a string at run time', () => {
    expect(sources().flatMap((path) => placesOf(path, /\bnew RegExp\(/g))).toEqual([])
  })
})

describe('one name, three places', () => {
  it('each family of APIs has its schema, its handler and its test under one name', () => {
    const missing = families()
      .flatMap((name) => [`protocol/apis/${name}.ts`, `test/broker/handlers/${name}.test.ts`])
      .filter((path) => !existsSync(path))
    expect(missing).toEqual([])
  })

  it('each handler file is in the registry', () => {
    const registered = importsOf('broker/handlers/registry.ts').map(({ target }) => target)
    expect(families().filter((name) => !registered.includes(`broker/handlers/${name}.ts`))).toEqual([])
  })

  it('a test file lies where its source lies', () => {
    // Tests of several parts together have folders of their own.
    const free = [
      'test/chaos/',
      'test/clients/',
      'test/crash/',
      'test/hostile/',
      'test/oracle/',
      'test/support/',
      'test/repository.test.ts',
    ]
    const orphans = typescriptIn('test')
      .filter((path) => path.endsWith('.test.ts') && !free.some((prefix) => path.startsWith(prefix)))
      .filter((path) => {
        const folder = path.slice('test/'.length, path.lastIndexOf('/'))
        return !existsSync(folder)
      })
    expect(orphans).toEqual([])
  })
})

describe('files that a person can read', () => {
  const all = [...sources(), ...typescriptIn('test', 'bench', 'scripts')]

  it('have at most 450 lines', () => {
    const long = all
      .map((path) => ({ path, lines: read(path).split('\n').length - 1 }))
      .filter(({ lines }) => lines > 450)
    expect(long).toEqual([])
  })

  it('leave nothing for later, and no test out', () => {
    const marks = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'XXX'].map((word) => `\\b${word}\\b`).join('|'), 'g')
    const places = all
      .filter((path) => !path.endsWith('repository.test.ts'))
      .flatMap((path) => placesOf(path, marks, read(path)))
    const skipped = typescriptIn('test').flatMap((path) =>
      placesOf(path, /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:only|skip|todo|fails)\b/g),
    )
    expect([...places, ...skipped]).toEqual([])
  })

  it('say why each exported limit is what it is', () => {
    const silent = sources().flatMap((path) => {
      const lines = read(path).split('\n')
      return lines.flatMap((line, at) => {
        const limit = /^export const (?=\w*(?:MAX|MIN|LIMIT|_MS\b|_PER_))[A-Z][A-Z0-9_]+ /.test(line)
        const explained = /(?:\*\/|^\s*\/\/.*)$/.test(lines[at - 1] ?? '')
        return limit && !explained ? [`${path}:${at + 1} ${line}`] : []
      })
    })
    expect(silent).toEqual([])
  })

  it('name neither machines nor tools of one workplace', () => {
    const texts = [
      ...all,
      ...filesIn('docs', 'bin', '.ci'),
      'README.md',
      'ARCHITECTURE.md',
      'CONTRIBUTING.md',
      'CHANGELOG.md',
      'Makefile',
    ]
    const pattern = new RegExp(['/wo' + 'rk/', '/ho' + 'me/', '/ro' + 'ot/'].join('|'), 'g')
    expect(texts.flatMap((path) => placesOf(path, pattern, read(path)))).toEqual([])
  })
})

describe('documents', () => {
  it.each(generatedParts.map((part) => [part.path, part]))(
    '%s has the tables that the code gives',
    (_path, { path, name, text }) => {
      const document = read(path)
      expect(document, 'run: npx tsx scripts/write-docs.ts').toBe(withPart(document, name, text()))
    },
  )

  it('link to files that are there', () => {
    const documents = [
      'README.md',
      'ARCHITECTURE.md',
      'CONTRIBUTING.md',
      ...filesIn('docs').filter((path) => path.endsWith('.md')),
    ]
    const broken = documents.flatMap((path) => {
      const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : ''
      return [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(new URL(target, `file://${process.cwd()}/${folder}`)))
        .map((target) => `${path} links to ${target}`)
    })
    expect(broken).toEqual([])
  })

  it('ARCHITECTURE.md names only files that are there', () => {
    const named = [
      ...read('ARCHITECTURE.md').matchAll(/`((?:protocol|storage|broker|http|cli|test|scripts|bench)\/[\w./-]+)`/g),
    ]
    expect(named.map((match) => match[1] ?? '').filter((path) => !existsSync(path))).toEqual([])
  })
})

describe('behaviours that clients rely on', () => {
  it('each is proven by a test that quotes its id, or docs/behaviours.md says why it does not hold yet', () => {
    const ids = [...read('test/fixtures/behaviours.txt').matchAll(/^([A-Z]+-\d+) (.*)$/gm)]
    const excused = new Set(
      [...read('docs/behaviours.md').matchAll(/^\| ([A-Z]+-\d+) \| \S.* \|$/gm)].map((row) => row[1]),
    )
    const proven = new Set(
      typescriptIn('test').flatMap((path) => (path.endsWith('.test.ts') ? quotedIds(codeOf(path)) : [])),
    )
    const missing = ids.filter(([, id]) => !proven.has(id ?? '') && !excused.has(id))
    const both = ids.filter(([, id]) => proven.has(id ?? '') && excused.has(id)).map(([, id]) => id)
    expect(
      missing.map(([line]) => line),
      'neither tested nor excused',
    ).toEqual([])
    expect(both, 'tested, so docs/behaviours.md need not excuse them').toEqual([])
    expect(
      [...excused].filter((id) => !ids.some((known) => known[1] === id)),
      'excused but unknown',
    ).toEqual([])
  })
})

describe('metrics', () => {
  it('each that an owner is to register is registered', () => {
    const code = typescriptIn('broker')
      .filter((path) => !path.endsWith('/metric-table.ts'))
      .map(codeOf)
      .join('\n')
    expect(Object.keys(registeredMetrics).filter((name) => !code.includes(`'${name}'`))).toEqual([])
  })
})

describe('the package', () => {
  const manifest = JSON.parse(read('package.json')) as {
    version: string
    bin: Record<string, string>
    engines: { node: string }
    scripts: Record<string, string>
    dependencies: Record<string, string>
    optionalDependencies: Record<string, string>
  }

  it('has the version that the broker says', () => expect(manifest.version).toBe(version))

  it('has a command that can be executed', () => {
    for (const path of Object.values(manifest.bin)) accessSync(path, constants.X_OK)
    expect(Object.keys(manifest.bin)).toEqual(['odradek'])
  })

  it('runs nothing when it is installed', () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare']
    expect(hooks.filter((name) => name in manifest.scripts)).toEqual([])
  })

  it('depends on what its code imports, and on nothing else', () => {
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
    const mentioned = (name: string) =>
      sources().some((path) => new RegExp(`['"]${name}(?:/[^'"]*)?['"]`).test(codeOf(path)))
    expect(declared.filter((name) => !mentioned(name))).toEqual([])
    const imported = new Set(
      sources().flatMap((path) =>
        importsOf(path)
          .filter(({ ours, target }) => !ours && !target.startsWith('node:'))
          .map(({ target }) => target),
      ),
    )
    expect(
      [...imported].filter((target) => !declared.some((name) => target === name || target.startsWith(`${name}/`))),
    ).toEqual([])
  })
})

describe('what is served', () => {
  it('has each key once, in rising order', () => {
    const keys = handlers.map(({ api }) => api.key)
    expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b))
  })
})

/** Files of broker/handlers that serve something. */
function families(): string[] {
  return typescriptIn('broker/handlers')
    .filter((path) => /\bserve\(/.test(codeOf(path)) && !path.endsWith('/handler.ts'))
    .map((path) => path.slice('broker/handlers/'.length, -'.ts'.length))
}

/** Ids in the names of tests: `it('PR-20, PR-21: …')`, `describe('OF-3 …')`, or in the rows of `it.each`. */
function quotedIds(code: string): string[] {
  return [...code.matchAll(/(['"`])(?:(?!\1)[^\\\n]|\\.)*\1/g)].flatMap(([text]) => {
    const ids: string[] = []
    for (const [, family, numbers] of text.matchAll(/\b([A-Z]{2,3})-(\d+(?:(?:, ?|\/| and )\d+)*)/g)) {
      for (const number of (numbers ?? '').match(/\d+/g) ?? []) ids.push(`${family}-${number}`)
    }
    return ids
  })
}

function strayImports(files: readonly string[], allowed: (target: string) => boolean): string[] {
  return files.flatMap((path) =>
    importsOf(path)
      .filter(({ ours, target }) => ours && !allowed(target))
      .map(({ target }) => `${path} imports ${target}`),
  )
}
