// Room platforms: what changed in a Salesforce object, from a cursor on: its records in the order of their stamps, those in
// the recycle bin as deletions. A record gets its stamp before its transaction commits, and a stamp is a second, so each
// window begins earlier than the last one was asked for. A change is told when it is first seen; while it was only just
// made; and once more when no transaction can change it any more without another stamp. In between it is not told.
// Sources: SOQL and SOSL Reference, "Date Formats"; Object Reference, "System Fields"; Apex Developer Guide, "Execution
// Governors and Limits" (a transaction ends after ten minutes); SOAP API Developer Guide, "emptyRecycleBin", "getDeleted".

import { fault } from '../../mutation/fault.ts'
import type { SyncedTable } from '../../mutation/table.ts'
import type { Http } from '../../lib/http.ts'
import type { Json } from '../json.ts'
import type { Caller, Changes, Ref } from '../platform.ts'
import { deletedBetween, tooOld } from './deletions.ts'
import { type FeedCursor, type Gap, readCursor, type Window, writeCursor } from './feed-cursor.ts'
import { unanswered } from './read.ts'
import { recordsByIds } from './records.ts'
import { type Asking, type Found, literalOf, pathOf, queried } from './soql.ts'
import { isTold, nothingTold, tellMore } from './told.ts'
import { valuesOf } from './write.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** How long before it is seen a record can have got its stamp: a transaction's ten minutes, and one for the clocks. */
export const transactionMs = 11 * minuteMs
/** A record whose stamp is that new can be changed again by a transaction that gives it the same one. */
const settledMs = 30_000
/** While more changes in that time than can be kept in mind, it is looked back so far every ten minutes only … */
const deepEveryMs = 10 * minuteMs
/** … and so far in between. */
const shallowMs = 2 * minuteMs
/** Salesforce removes nothing from the recycle bin in its first two hours, and shows what was removed by hand for longer. */
const binSureMs = 2 * hourMs
/** It keeps nothing longer than 15 days. */
const binMaxMs = 14 * dayMs
/** The log of deletions is to be asked no more often. */
const logEveryMs = 5 * minuteMs
/** By how much our own clock may be ahead, where the platform does not say what time it is. */
const aheadMs = hourMs

/** The field by which a table is followed, the best first. */
export type StampField = 'SystemModstamp' | 'LastModifiedDate' | 'CreatedDate'

/**
 * undefined: it cannot be. The first changes with every change; the second is kept by a few objects without the first;
 * the third will do for records that nobody can change, such as those of a history.
 */
export function stampFieldOf(table: SyncedTable): StampField | undefined {
  const has = (name: string) => table.columns.some(({ field }) => field === name)
  if (has('SystemModstamp')) return 'SystemModstamp'
  if (has('LastModifiedDate')) return 'LastModifiedDate'
  return has('CreatedDate') && !table.columns.some(({ updatable }) => updatable)
    ? 'CreatedDate'
    : undefined
}

/** Do deleted records of the table go into the recycle bin, with a stamp of their deletion? */
export function hasBin(table: SyncedTable): boolean {
  const isDeleted = table.columns.some(({ field }) => field === 'IsDeleted')
  return isDeleted && stampFieldOf(table) === 'SystemModstamp'
}

/** Whom to ask, and how. */
export interface Following {
  readonly caller: Caller
  /** This service's clock: milliseconds since 1970. */
  readonly now: () => number
  /** Records that are asked for at once. */
  readonly rowsMax: number
}

/** A cursor from this moment on. One request. @throws Fault as `read` */
export async function start(
  table: SyncedTable,
  { caller, now }: Omit<Following, 'rowsMax'>,
): Promise<string> {
  const field = stampFieldOf(table)
  if (field === undefined) return writeCursor(cursorAt(now()))
  const clock = watched(caller, now)
  const asking = { table, caller: clock.caller }
  const query = { fields: ['Id', field], orderBy: [`${field} DESC`], limit: 1 }
  for (const last of await queried(checked(pathOf('query', query, table)), asking)) {
    stampOf(last, { field, table })
  }
  return writeCursor(cursorAt(clock.at()))
}

function cursorAt(timeMs: number): FeedCursor {
  return { polled: timeMs, deep: timeMs, told: nothingTold, window: null, gap: null }
}

/**
 * What changed: at most `rowsMax` records at once. One request when nothing did, one more for what did, one more for the log
 * of deletions after two hours without a look.
 * @throws Fault bad_request when deletions may have been missed; else as `read`
 */
export async function changes(
  table: SyncedTable,
  cursor: string,
  { caller, now, rowsMax }: Following,
): Promise<Changes> {
  const field = stampFieldOf(table)
  if (field === undefined) return { ...nothing, next: cursor, more: false, until: now() }
  const here = readCursor(cursor)
  const begun = here.window ?? windowAfter(here, now())
  const isFirst = here.window === null
  const clock = watched(caller, now)
  const asking = { table, caller: clock.caller }
  const marks = await marksIn(begun, { field, asking, rowsMax })
  const window = isFirst ? { ...begun, asked: clock.at() } : begun
  const deleted = isFirst ? await deletionsOf(here, { window, asking }) : { ids: [], gap: here.gap }
  const end = Math.max(here.polled, window.asked)
  const last = secondOf(end - transactionMs)
  const news = marks.filter(({ id, stamp }) => stamp < last || !isTold(here.told, id, stamp))
  const told = await tell(news, deleted.ids, asking)
  const full = marks.length >= rowsMax
  return { ...told, ...goOn({ ...here, gap: deleted.gap }, { window, end, marks, news, full }) }
}

const nothing = { rows: [], gone: [], touched: [] }

/** It begins as far back as transactions reach, unless that is too much to tell apart each time. */
function windowAfter({ polled, deep, told }: FeedCursor, ours: number): Window {
  const isDeep = told.since <= deep - transactionMs || polled - deep >= deepEveryMs
  const start = secondOf(isDeep ? deep - transactionMs : polled - shallowMs)
  return { start, deep: isDeep, asked: ours, ours, at: null }
}

/** The second that holds the moment: stamps are such. */
function secondOf(timeMs: number): number {
  return timeMs - timeMs % 1_000
}

/** A record's stamp, and whether it is in the recycle bin. */
interface Mark {
  readonly id: string
  readonly stamp: number
  readonly deleted: boolean
}

interface Reading extends Pick<Following, 'rowsMax'> {
  readonly field: StampField
  readonly asking: Asking
}

/** The next page of a window, in order. */
async function marksIn(
  window: Window,
  { field, asking, rowsMax }: Reading,
): Promise<readonly Mark[]> {
  const { table } = asking
  const bin = hasBin(table)
  const fields = ['Id', field, ...(bin ? ['IsDeleted'] : [])]
  const query = {
    fields,
    where: whereOf(window, field),
    orderBy: [field, 'Id'],
    limit: rowsMax,
  }
  const path = checked(pathOf(bin ? 'queryAll' : 'query', query, table))
  const marks = (await queried(path, asking)).map((record): Mark => ({
    id: record.Id,
    stamp: stampOf(record, { field, table }),
    deleted: record['IsDeleted'] === true,
  }))
  const { at } = window
  let stamp = at?.stamp ?? window.start
  for (const mark of marks) {
    if (mark.stamp < stamp || (mark.id === at?.id && mark.stamp === at.stamp)) {
      throw unanswered('the records are not in the order that was asked for', table)
    }
    stamp = mark.stamp
  }
  return marks
}

function whereOf({ start, at }: Window, field: StampField): string {
  if (at === null) return `${field} >= ${literalOf(start)}`
  const stamp = literalOf(at.stamp)
  return `${field} >= ${stamp} AND (${field} > ${stamp} OR Id > '${at.id}')`
}

function stampOf(
  record: Found,
  { field, table }: { field: StampField; table: SyncedTable },
): number {
  const text: Json | undefined = record[field]
  const timeMs = typeof text === 'string' ? Date.parse(text) : Number.NaN
  if (Number.isNaN(timeMs)) throw unanswered(`a record has no ${field}`, table)
  return timeMs
}

function checked(path: string | undefined): string {
  if (path !== undefined) return path
  throw fault('internal_error', { platform: 'salesforce', detail: 'not a name in SOQL' })
}

/** A record that is gone between its mark and its reading will be told of again; it is read by then. */
async function tell(
  news: readonly Mark[],
  deleted: readonly string[],
  asking: Asking,
): Promise<Pick<Changes, 'rows' | 'gone' | 'touched'>> {
  const { table, caller: { log } } = asking
  const living = news.filter((mark) => !mark.deleted).map(({ id }) => id)
  const gone = news.filter((mark) => mark.deleted).map(({ id }) => id)
  const records = living.length === 0 ? [] : await recordsByIds(living, asking)
  const rows = living.flatMap((id, i) => {
    const record = records[i] ?? null
    return record === null ? [] : [{ id, values: valuesOf(record, table, log) }]
  })
  const lost = living.filter((_, i) => (records[i] ?? null) === null)
  const known = new Set([...gone, ...lost])
  const others = deleted.filter((id) => !known.has(id))
  return { rows, gone, touched: [...lost, ...others].map((id): Ref => ({ id, keys: {} })) }
}

/** What the log of deletions tells of a time without looking, and what is left to ask it about. */
async function deletionsOf(
  { polled, gap }: FeedCursor,
  { window, asking }: { window: Window; asking: Asking },
): Promise<{ readonly ids: readonly string[]; readonly gap: Gap | null }> {
  if (!hasBin(asking.table)) return { ids: [], gap: null }
  const { asked } = window
  const from = gap?.from ?? polled - transactionMs
  if (asked - from > binMaxMs) throw tooOld('The cursor is older than the recycle bin', asking)
  const isNew = asked - polled > binSureMs
  if (!isNew && (gap === null || asked - gap.askedAt < logEveryMs)) return { ids: [], gap }
  const until = isNew || gap === null ? asked : gap.until
  const { ids, covered } = await deletedBetween({ from, until: asked }, asking)
  // a long transaction of the platform's own can hold it back for hours
  const rest = { from: Math.max(from, covered), until, askedAt: asked }
  return { ids, gap: covered + minuteMs >= until ? null : rest }
}

interface Read {
  readonly window: Window
  /** When the window was asked for; never before an earlier one. */
  readonly end: number
  readonly marks: readonly Mark[]
  /** Those of them that are told. */
  readonly news: readonly Mark[]
  /** Are there as many as were asked for, so that there may be more? */
  readonly full: boolean
}

function goOn(
  here: FeedCursor,
  { window, end, marks, news, full }: Read,
): Pick<Changes, 'next' | 'more' | 'until'> {
  const last = marks.at(-1) ?? window.at
  const at = last === null ? null : { stamp: last.stamp, id: last.id }
  const deep = window.deep ? end : here.deep
  const more = full && at !== null
  const needed = deep - transactionMs
  const settled = news.filter(({ stamp }) => stamp <= end - settledMs)
  const told = tellMore(here.told, settled, more ? Math.min(needed, at.stamp) : needed)
  if (!more) {
    const next = writeCursor({ polled: end, deep, told, window: null, gap: here.gap })
    return { next, more, until: window.ours }
  }
  const next = writeCursor({ ...here, told, window: { ...window, at } })
  const apart = window.ours - window.asked
  return { next, more, until: Math.min(window.ours, at.stamp + apart) }
}

/**
 * The same caller, and when the platform looked: the earlier of what its first answer's `Date` and our clock say, so that
 * a clock that is wrong makes the next window longer, never too short.
 */
function watched(caller: Caller, now: () => number): { caller: Caller; at: () => number } {
  const begun = now()
  let at = begun - aheadMs
  let first = true
  const http: Http = {
    close: () => caller.http.close(),
    send: async (request) => {
      const asked = now()
      const response = await caller.http.send(request)
      const told = Date.parse(response.headers['date'] ?? '')
      const spent = Math.max(0, now() - asked)
      if (first && !Number.isNaN(told)) at = Math.min(begun, told - spent)
      first = false
      return response
    },
  }
  return { caller: { ...caller, http }, at: () => at }
}
