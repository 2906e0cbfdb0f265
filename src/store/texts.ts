// Room store: lists of texts as Postgres writes them. The driver could ask each new connection how arrays are written, but
// nobody hears of that question when the connection is lost meanwhile: the rejection would end the process.

/** text[] for the driver's `types`, so that it need not ask (`fetch_types` off). */
export const texts = {
  to: 1009,
  from: [1009],
  serialize: writeTexts,
  parse: readTexts,
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-INPUT */
export function writeTexts(items: readonly (string | null)[]): string {
  const written = items.map((item) =>
    item === null ? 'NULL' : `"${item.replace(/[\\"]/g, (sign) => `\\${sign}`)}"`
  )
  return `{${written.join(',')}}`
}

/** One item: quoted, with a backslash before what it hides; or bare. */
const itemPattern = /"((?:[^"\\]|\\.)*)"|([^{},"]+)/gs

/** A list of one dimension, as Postgres puts it out. */
export function readTexts(text: string): (string | null)[] {
  return [...text.matchAll(itemPattern)].map(([, quoted, bare = '']) => {
    if (quoted !== undefined) return quoted.replace(/\\(.)/gs, '$1')
    return bare === 'NULL' ? null : bare
  })
}
