// Room platforms: conditions in Airtable's formula language, for lists. Source: Airtable, "Formula field reference":
// RECORD_ID, CREATED_TIME, LAST_MODIFIED_TIME ("the most recent modification made by a user in a non-computed field"),
// DATETIME_PARSE, IS_AFTER.

/** Is it the id of a record, so that it may stand in a formula and in a path? */
export function isRecordId(id: string): boolean {
  return /^rec[A-Za-z0-9]{1,32}$/.test(id)
}

/** A moment; `timeMs` in milliseconds since 1970, by Airtable's clock. */
export function moment(timeMs: number): string {
  return `DATETIME_PARSE("${new Date(timeMs).toISOString()}")`
}

/** At least one of the conditions; they must not be none. */
export function anyOf(conditions: readonly string[]): string {
  return `OR(${conditions.join(', ')})`
}

/** The record is one of these; each must be an id (`isRecordId`). */
export function isOneOf(ids: readonly string[]): string {
  return anyOf(ids.map((id) => `RECORD_ID()="${id}"`))
}

/**
 * The record was created or modified after the moment. A record that was only created, without a value, has no time of a
 * modification, and comparing nothing is an error that would leave the record out: hence IF.
 */
export function touchedAfter(timeMs: number): string {
  const since = moment(timeMs)
  const modified = `IF(LAST_MODIFIED_TIME(), IS_AFTER(LAST_MODIFIED_TIME(), ${since}), FALSE())`
  return anyOf([`IS_AFTER(CREATED_TIME(), ${since})`, modified])
}

/** No record at all. */
export const nothing = 'FALSE()'
