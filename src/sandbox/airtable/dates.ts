// Room sandbox: dates and times as Airtable takes and gives them: ISO 8601, kept to the millisecond, in UTC.

/** `2026-11-25T20:50:39.000Z` */
export function writeInstant(timeMs: number): string {
  return new Date(timeMs).toISOString()
}

/** Milliseconds since 1970 of a day or a moment; null for other text. A day is its midnight, no zone is UTC. */
export function readInstant(text: string): number | null {
  const found =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(\.\d{1,9})?)?\s*(Z|[+-]\d{2}:?\d{2})?)?$/
      .exec(text)
  if (found === null) return null
  const [, day = '', clock = '00:00', seconds = '00', fraction = '', zone = 'Z'] = found
  const localMs = Date.parse(`${day}T${clock}:${seconds}${fraction.slice(0, 4)}Z`)
  if (Number.isNaN(localMs) || !new Date(localMs).toISOString().startsWith(day)) return null
  const offsetMinutes = zone === 'Z'
    ? 0
    : (zone.startsWith('-') ? -1 : 1) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)))
  return localMs - offsetMinutes * 60_000
}
