// Room platforms: a value as one segment of a URL's path. Every id and name that an adapter puts into a path goes through
// here: a URL resolves dots, so that the label `..` of a repository would be the address of the repository.

/**
 * The text, percent-encoded; undefined for what cannot be a segment: nothing, `.`, `..`, half a surrogate pair.
 * Source: URL Standard, sections 4.1 (dot segments) and 4.4.
 */
export function segmentOf(text: string): string | undefined {
  if (text === '' || text === '.' || text === '..' || !text.isWellFormed()) return undefined
  return encodeURIComponent(text)
}
