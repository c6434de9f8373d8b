/**
 * The topics in a consumer's subscription, out of the metadata of the `consumer` protocol type. It is read as version 0,
 * which every later version begins with; this is the one place where we look into a member's metadata at all, and what
 * we cannot read we do not judge (custom assignors may put in anything).
 * Layout: int16 version, int32 count, count x (int16 length, UTF-8), int32 length of user data or -1, user data.
 * @returns undefined when the bytes do not have that form.
 */
export function subscribedTopics(metadata: Buffer): string[] | undefined {
  if (metadata.length < 6 || metadata.readInt16BE(0) < 0) return undefined
  const count = metadata.readInt32BE(2)
  let at = 6
  // Each name takes two bytes at least: a count is not believed before the bytes are there.
  if (count < 0 || count * 2 > metadata.length - at) return undefined
  const topics: string[] = []
  for (let read = 0; read < count; read++) {
    if (at + 2 > metadata.length) return undefined
    const length = metadata.readInt16BE(at)
    if (length < 0 || at + 2 + length > metadata.length) return undefined
    topics.push(metadata.toString('utf8', at + 2, at + 2 + length))
    at += 2 + length
  }
  if (at + 4 > metadata.length) return undefined
  const userDataLength = metadata.readInt32BE(at)
  return userDataLength > metadata.length - at - 4 ? undefined : topics
}
