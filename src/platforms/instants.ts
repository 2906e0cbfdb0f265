// Room platforms: points in time and dates, between Postgres' text and what the APIs write.
// Source: Postgres manual section 8.5, Date/Time Types: ranges and input.

import type { Log } from '../lib/log.ts'
import type { Column } from '../mutation/table.ts'

const instant =
  /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):?(\d\d)?(?::?(\d\d))?)$/

/**
 * A timestamptz in UTC with milliseconds, `2026-11-22T10:20:30.123Z`; further digits are cut. Postgres writes offsets of
 * hours, minutes and, for old dates, seconds. undefined for infinity, years BC and years above 9999.
 */
export function utcOf(text: string): string | undefined {
  const match = instant.exec(text)
  if (match === null) return undefined
  const [, date, time, fraction = '', sign = '+', hours = '0', minutes = '0', seconds = '0'] = match
  const milliseconds = fraction.padEnd(3, '0').slice(0, 3)
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000
  const local = Date.parse(`${date}T${time}.${milliseconds}Z`)
  const utc = new Date(sign === '-' ? local + offset : local - offset)
  const valid = !Number.isNaN(utc.getTime()) && utc.getUTCFullYear() > 0 &&
    utc.getUTCFullYear() < 10_000
  return valid ? utc.toISOString() : undefined
}

/** Years as astronomers count them: 0 is 1 BC. A little within what Postgres holds, so that no time zone leads beyond. */
const years = { min: -4_711, instantMax: 294_275, dateMax: 5_874_896 } as const

const written =
  /^([+-]?\d{4,7})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/

/**
 * An ISO 8601 point in time as Postgres reads it: `2026-11-22T10:20:30.120Z` → `2026-11-22T10:20:30.12+00:00`,
 * `+020265-…` → `20265-…`, year 0 → `0001-… BC`. Without an offset it is in UTC, without a time it is midnight. null for
 * what Postgres has no timestamptz for.
 */
export function postgresInstant(text: string): string | null {
  const match = written.exec(text)
  if (match === null) return null
  const [, , , , hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match
  const date = dayOf(match, years.instantMax)
  const valid = Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60
  const offset = zone === 'Z' ? '+00:00' : `${zone.slice(0, 3)}:${zone.slice(3).slice(-2) || '00'}`
  if (date === null || !valid || !/^.(0\d|1[0-5]):[0-5]\d$/.test(offset)) return null
  const digits = fraction.replace(/0+$/, '')
  const time = `${hour}:${minute}:${second}${digits === '' ? '' : `.${digits}`}`
  return `${date.day}T${time}${offset}${date.era}`
}

/** The date of an ISO 8601 date or point in time, as it stands there, as Postgres reads it; null for what it has none for. */
export function postgresDate(text: string): string | null {
  const match = written.exec(text)
  const date = match === null ? null : dayOf(match, years.dateMax)
  return date === null ? null : date.day + date.era
}

function dayOf(
  [, yearText = '', month = '', day = '']: RegExpExecArray,
  yearMax: number,
): { day: string; era: string } | null {
  const year = Number(yearText)
  // months have the same days every 400 years, which a Date counts without going out of its own range
  const days = new Date(Date.UTC(2000 + year % 400, Number(month), 0)).getUTCDate()
  const valid = year >= years.min && year <= yearMax && Number(month) >= 1 && Number(month) <= 12 &&
    Number(day) >= 1 && Number(day) <= days
  if (!valid) return null
  const count = String(year > 0 ? year : 1 - year).padStart(4, '0')
  return { day: `${count}-${month}-${day}`, era: year > 0 ? '' : ' BC' }
}

/**
 * The API's text for a column of type timestamptz or date. What Postgres cannot hold is null, so that it stands in the way
 * of no other column, and the log hears of it.
 */
export function readMoment(
  text: string,
  { name, field, type }: Pick<Column, 'name' | 'field' | 'type'>,
  log: Log,
): string | null {
  const moment = type === 'date' ? postgresDate(text) : postgresInstant(text)
  if (moment === null) log.warn('platform.value_beyond_postgres', { column: name, field, type })
  return moment
}
