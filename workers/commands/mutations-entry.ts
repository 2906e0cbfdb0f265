// Workers: one mutation of the journal, as people are shown it: nothing secret, nothing that steers a terminal.

import { never } from '../../src/lib/assert.ts'
import { fault } from '../../src/mutation/fault.ts'
import { adapterFor } from '../../src/platforms/index.ts'
import { entryOf } from '../../src/service/admin/activity.ts'
import type { ActivityEntryAnswer } from '../../src/service/admin/insight-schemas.ts'
import { shownText } from '../../src/service/admin/redact.ts'
import { isMutationId } from '../../src/service/request.ts'
import { type CommandDeps, counted, UsageError } from './command.ts'
import { oneLine } from './screen.ts'

/** A fault without what looks like a secret. */
export function told<T extends { message: string; detail?: string | undefined }>(
  data: T | null,
): T | null {
  if (data === null) return null
  const { detail, message } = data
  return {
    ...data,
    message: shownText(message),
    ...(detail === undefined ? {} : { detail: shownText(detail) }),
  }
}

/** Throws UsageError, `not_found`. */
export async function entryNamed(
  deps: Pick<CommandDeps, 'store'>,
  words: readonly string[],
): Promise<ActivityEntryAnswer> {
  const id = (words[0] ?? '').toLowerCase()
  if (!isMutationId(id)) throw new UsageError('the id of a mutation is a UUID')
  const entry = await entryOf({ store: deps.store, adapterFor }, id)
  if (entry === null) throw fault('not_found', { message: `there is no mutation ${id}` })
  return { ...entry, fault: told(entry.fault) }
}

/** The entry for people. */
export function entryLines(entry: ActivityEntryAnswer): string[] {
  const { id, sync, schema, table, operation, rows, by, state, upsertBy } = entry
  return [
    `mutation  ${id}`,
    `what      ${operation}${upsertBy === null ? '' : ` or update by ${upsertBy}`} of ${
      counted(rows, 'row')
    } ` +
    `in ${schema}.${table} (${sync})`,
    `who       ${by ?? 'not noted'}`,
    `state     ${state}: ${meaning(state)}`,
    ...lifeLines(entry),
    ...faultLines(entry),
    `requests  ${entry.requests ?? 'not known'}`,
    ...entry.sends.map(({ method, path, rows }) =>
      `          ${method} ${path} (${counted(rows, 'row')})`
    ),
    ...entry.changes.flatMap((change) => changeLines(change, entry)),
  ]
}

function meaning(state: ActivityEntryAnswer['state']): string {
  switch (state) {
    case 'received':
      return 'it has not been sent'
    case 'sent':
      return 'the platform has not answered'
    case 'accepted':
      return 'the platform has it, the database does not yet'
    case 'refused':
      return 'nothing was written'
    case 'unknown':
      return 'it may have been written'
    case 'applied':
      return 'the platform and the database have it'
    default:
      return never(state)
  }
}

function lifeLines({ receivedAt, sentAt, answeredAt, appliedAt }: ActivityEntryAnswer): string[] {
  const from = Date.parse(receivedAt)
  const later = (at: string | null) =>
    at === null ? '-' : `${at}  +${Math.max(0, Date.parse(at) - from)} ms`
  return [
    `received  ${receivedAt}`,
    `sent      ${later(sentAt)}`,
    `answered  ${later(answeredAt)}`,
    `applied   ${later(appliedAt)}`,
  ]
}

function faultLines({ fault: data }: Pick<ActivityEntryAnswer, 'fault'>): string[] {
  if (data === null) return []
  const { code, sqlstate, message, detail, hint } = data
  return [
    `fault     ${code} (${sqlstate}): ${oneLine(message)}`,
    ...detail === undefined ? [] : [`          ${oneLine(detail)}`],
    ...hint === undefined ? [] : [`          → ${oneLine(hint)}`],
  ]
}

/** Of what was there before, the journal knows what mutations of the last weeks have left. */
const unknown = '(not known)'
const none = '(none)'

function changeLines(
  change: ActivityEntryAnswer['changes'][number],
  { operation, upsertBy }: Pick<ActivityEntryAnswer, 'operation' | 'upsertBy'>,
): string[] {
  const { ordinal, id, state, cells, fault: data } = change
  const value = (text: string | null | undefined, absent: string) =>
    text === undefined ? absent : text === null ? 'null' : JSON.stringify(oneLine(text))
  const was = operation === 'insert' && upsertBy === null ? none : unknown
  const is = operation === 'delete' ? none : unknown
  const width = Math.max(0, ...cells.map(({ column }) => column.length))
  return [
    '',
    `row ${ordinal}  ${id ?? 'new'}  ${state}${data === null ? '' : `: ${oneLine(data.message)}`}`,
    ...cells.map(({ column, before, sent, after }) =>
      `  ${column.padEnd(width)}  ${value(before, was)} → ${
        value(after === undefined ? sent : after, is)
      }` +
      (sent !== undefined && after !== undefined && sent !== after
        ? ` (sent ${value(sent, none)})`
        : '')
    ),
  ]
}
