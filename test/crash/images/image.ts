/**
 * A disk's content as plain data: what a crash left, or what a life begins with. Bytes may be views on buffers of others;
 * whoever keeps an image copies it.
 */
export type Image = ImageFolder | ImageFile

export interface ImageFolder {
  readonly kind: 'folder'
  readonly entries: Map<string, Image>
}

export interface ImageFile {
  readonly kind: 'file'
  readonly bytes: Buffer
}

export function folder(entries: Iterable<readonly [string, Image]> = []): ImageFolder {
  return { kind: 'folder', entries: new Map(entries) }
}

export function file(bytes: Buffer): ImageFile {
  return { kind: 'file', bytes }
}

/** All nodes of an image with their paths, parents before children, in an order that only depends on the image. */
export function* walk(image: ImageFolder, path = ''): Generator<{ path: string; node: Image }> {
  if (path === '') yield { path: '/', node: image }
  for (const name of [...image.entries.keys()].sort()) {
    const node = image.entries.get(name)!
    yield { path: `${path}/${name}`, node }
    if (node.kind === 'folder') yield* walk(node, `${path}/${name}`)
  }
}

/** The node at a path; undefined if there is none. */
export function at(image: ImageFolder, path: string): Image | undefined {
  let node: Image | undefined = image
  for (const name of path.split('/').filter((part) => part !== '')) {
    if (node?.kind !== 'folder') return undefined
    node = node.entries.get(name)
  }
  return node
}

/** Independent of the buffers it was made from. */
export function copyOf(image: ImageFolder): ImageFolder {
  const copy = (node: Image): Image =>
    node.kind === 'file'
      ? file(Buffer.from(node.bytes))
      : folder([...node.entries].map(([name, entry]) => [name, copy(entry)] as const))
  return copy(image) as ImageFolder
}

/** One line a node, for comparing two images in a test: path, size, and the bytes as hex. */
export function describeImage(image: ImageFolder): string[] {
  return [...walk(image)].map(({ path, node }) =>
    node.kind === 'folder' ? path : `${path} ${node.bytes.length} ${node.bytes.toString('hex')}`,
  )
}
