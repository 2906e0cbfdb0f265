// Room sandbox: the URLs of the REST API: /services/data/vNN.0/…

const versionMin = 50
const versionMax = 64

/** The versions that the org answers to, as in `60.0`. */
export const versions: readonly string[] = Array.from(
  { length: versionMax - versionMin + 1 },
  (_, index) => `${versionMin + index}.0`,
)

export interface Place {
  /** `/services/data/v60.0` */
  readonly base: string
  /** The segments after that, decoded. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
}

/** Splits a path with its query; null when it is no URL of a version that the org has. */
export function splitUrl(url: string): Place | null {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const found = /^\/services\/data\/v(\d+\.0)(?:\/(.*))?$/.exec(path)
  const version = found?.[1] ?? ''
  if (!versions.includes(version)) return null
  const segments = (found?.[2] ?? '').split('/').filter(Boolean).map(decode)
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
  return { base: `/services/data/v${version}`, segments, query }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment // a stray % is text
  }
}
