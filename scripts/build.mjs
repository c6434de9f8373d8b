// Bundles our TypeScript into dist/: cli.js for bin/odradek, index.js for `import { startBroker } from 'odradek'`, and
// compaction-thread.js for the worker thread that compacts logs.
// One file starts several times quicker than a hundred modules. What is imported lazily (HTTP, codecs) goes into chunks
// of its own, so that it is neither read nor parsed before it is needed. npm packages stay outside the bundle: some
// load native binaries by their own path.
import { readdirSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: {
    cli: 'cli/main.ts',
    index: 'broker/index.ts',
    // Begun by its file name, from wherever start-compaction-thread.ts ends up.
    'compaction-thread': 'broker/runtime/compaction-thread.ts',
  },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  sourcemap: 'linked',
  sourcesContent: false,
  chunkNames: 'chunks/[name]-[hash]',
  metafile: true,
  logLevel: 'warning',
})

// Old chunks go last, so that a broker that runs from here finds its own until the new ones are in place.
const written = new Set(Object.keys(metafile.outputs))
for (const entry of readdirSync(join(root, 'dist'), { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name)
  const name = relative(root, file)
  if (entry.isFile() && !name.startsWith(join('dist', 'types')) && !written.has(name)) rmSync(file)
}
