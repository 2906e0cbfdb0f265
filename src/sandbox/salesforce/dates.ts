// Room sandbox: dates and times as Salesforce takes and gives them. Datetimes keep whole seconds and are given in UTC.

const dayMs = 24 * 60 * 60 * 1000

/** `2026-11-25T20:50:39.000+0000`; a fraction of a second is dropped. */
export function writeDatetime(timeMs: number): string {
  return new Date(Math.floor(timeMs / 1000) * 1000).toISOString().replace('Z', '+0000')
}

/** `2026-11-25`, when there is such a day from 1700 to 4000; else null. */
export function readDate(text: string): string | null {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text)
  if (found === null) return null
  const [, year = '', month = '', day = ''] = found
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  const exists = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
  return exists && Number(year) >= 1700 && Number(year) <= 4000 ? text : null
}

/** ISO 8601 with an offset, to Salesforce's own form in UTC; null for other text. */
export function readDatetime(text: string): string | null {
  const pattern =
    /^(\d{4}-\d{2}-\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:Z|([+-])(\d{2}):?(\d{2}))$/
  const found = pattern.exec(text)
  if (found === null) return null
  const [, date = '', hours = '', minutes = '', seconds = '', sign, offHours, offMinutes] = found
  if (readDate(date) === null || Number(hours) > 23) return null
  if (Number(minutes) > 59 || Number(seconds) > 59) return null
  const offsetMinutes = Number(offHours ?? 0) * 60 + Number(offMinutes ?? 0)
  const local = Date.parse(`${date}T${hours}:${minutes}:${seconds}Z`)
  return writeDatetime(local - (sign === '-' ? -1 : 1) * offsetMinutes * 60_000)
}

/** `10:15`, `10:15:00` or `10:15:00.000Z`, to the last of these; null for other text. */
export function readTime(text: string): string | null {
  const found = /^(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?Z?$/.exec(text)
  if (found === null) return null
  const [, hours = '', minutes = '', seconds = '00', fraction = ''] = found
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return null
  return `${hours}:${minutes}:${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}Z`
}

/** Milliseconds since 1970 of a datetime in any form that `readDatetime` takes; null for other text. */
export function datetimeMs(text: string): number | null {
  const datetime = readDatetime(text)
  return datetime === null ? null : Date.parse(datetime.replace('+0000', 'Z'))
}

/** The day that holds the moment, in UTC. */
export function dateOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

/** The moment `days` days later. */
export function daysLater(timeMs: number, days: number): number {
  return timeMs + days * dayMs
}
