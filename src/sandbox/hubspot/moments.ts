// Room sandbox: dates and datetimes as HubSpot takes and gives them: ISO 8601 or milliseconds since 1970, kept to the
// millisecond, given in UTC and without a fraction when that is zero.

/** From the year 1 to the year 9999. */
const firstMs = -62_135_596_800_000
const lastMs = 253_402_300_799_999

/** `2026-11-25T20:50:39.123Z`, or `2026-11-25T20:50:39Z` in a whole second. */
export function writeInstant(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('.000Z', 'Z')
}

/** Milliseconds since 1970, or null for text that is no moment. A day stands for its midnight in UTC. */
export function readInstant(text: string): number | null {
  if (/^-?\d{1,16}$/.test(text)) {
    const timeMs = Number(text)
    return timeMs >= firstMs && timeMs <= lastMs ? timeMs : null
  }
  const found =
    /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2})(?::(\d{2})(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2}))?$/.exec(
      text,
    )
  if (found === null) return null
  const [, day = '', clock = '00:00', seconds = '00', fraction = '', zone = 'Z'] = found
  const localMs = Date.parse(`${day}T${clock}:${seconds}${fraction.slice(0, 4)}Z`)
  if (Number.isNaN(localMs) || !new Date(localMs).toISOString().startsWith(day)) return null
  return localMs - offsetMs(zone)
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))]
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
}

/** The time of day as HubSpot tells it, `6:12:58.0`; null at midnight in UTC. */
export function clockOf(timeMs: number): string | null {
  const at = new Date(timeMs)
  const parts = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()]
  const clock = `${parts.join(':')}.${at.getUTCMilliseconds()}`
  return clock === '0:0:0.0' ? null : clock
}
